package heads

// trainCase is a network and its training that torch does too.
type trainCase struct {
	name string
	spec Spec
	o    TrainOptions
	rate float64
	norm bool // set a normaliser
	body int  // how many of the first parameters are of group 1
}

// trainCases are small enough for losses in testdata/losses.json; the oracle
// test adds larger ones. Dropout is off: torch's masks are others.
var trainCases = []trainCase{
	{name: "baseline", spec: Spec{Model: "baseline", Input: []int{3, 16, 16}, Dropout: -1, Seed: 1}, o: TrainOptions{Batch: 8}, rate: 1e-3},
	{name: "baseline sgd", spec: Spec{Model: "baseline", Input: []int{1, 15, 18}, Dropout: -1, Seed: 2}, o: TrainOptions{Batch: 8, Optimiser: "sgd", Momentum: 0.9, L2: 1e-3}, rate: 0.01},
	{name: "head", spec: Spec{Input: []int{6, 3, 3}, Seed: 3}, o: TrainOptions{Batch: 16}, rate: 0.01},
	{name: "head weighted adamw", spec: Spec{Input: []int{40}, Seed: 4}, o: TrainOptions{Batch: 16, Optimiser: "adamw", WeightDecay: 0.1, ClassWeights: []float64{1, 3}}, rate: 0.01},
	{name: "head gap hidden", spec: Spec{Input: []int{8, 3, 2}, Head: "gap", Hidden: 12, Seed: 5}, o: TrainOptions{Batch: 16, L2: 0.01}, rate: 0.01},
	{name: "head softmax", spec: Spec{Input: []int{20}, Hidden: 9, Classes: 4, Seed: 6}, o: TrainOptions{Batch: 16, ClassWeights: []float64{1, 2, 0.5, 1}}, rate: 0.01},
	{name: "head standardised", spec: Spec{Input: []int{5, 4, 4}, Standardise: true, Seed: 7}, o: TrainOptions{Batch: 16}, rate: 0.01, norm: true},
	{name: "groups, clipped, averaged", spec: Spec{Model: "baseline", Input: []int{3, 16, 16}, Dropout: -1, Seed: 8}, o: TrainOptions{Batch: 8, Optimiser: "adamw", WeightDecay: 0.1, BodyRate: 0.1, Clip: 0.3, EMA: 0.8}, rate: 1e-3, body: 4},
	{name: "groups in parts", spec: Spec{Model: "baseline", Input: []int{3, 16, 16}, Dropout: -1, Seed: 9}, o: TrainOptions{Batch: 9, Accumulate: 4, BodyRate: 0.2, L2: 0.01, BodyL2: 0.01, Clip: 0.05, EMA: 0.2, ClassWeights: []float64{1, 2}}, rate: 1e-3, body: 4},
}

// normaliser returns a mean and a deviation for each channel.
func normaliser(h *Head) (mean, std []float32) {
	for i := range h.NormaliserSize() {
		mean = append(mean, 0.1*float32(i)-0.2)
		std = append(std, 0.5+0.25*float32(i%4))
	}
	return mean, std
}

// trainSteps is how many losses are compared with torch's.
const trainSteps = 10
