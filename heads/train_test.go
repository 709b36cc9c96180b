package heads

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/weights"
)

// start builds a case's network, its trainer and its batches.
func (c trainCase) start(t *testing.T) (h *Head, tr *Trainer, x []float32, labels []int) {
	t.Helper()
	h = build(t, c.spec)
	h.move(c.body)
	if c.norm {
		if err := h.SetNormaliser(normaliser(h)); err != nil {
			t.Fatal(err)
		}
	}
	x, labels = items(h, trainSteps*c.o.Batch, c.spec.Seed)
	return h, trainer(t, h, c.o), x, labels
}

// move puts the first n parameters into group 1.
func (h *Head) move(n int) {
	for _, l := range h.layers {
		for _, p := range l.params {
			if n--; n >= 0 {
				p.Group = 1
			}
		}
	}
}

// compareLosses wants each loss within 1e-4 of torch's.
func compareLosses(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d losses, want %d", name, len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(got[i]-want[i]))
	}
	if !(worst <= 1e-4) {
		t.Errorf("%s: losses differ by up to %g:\n got %v\nwant %v", name, worst, got, want)
	}
	t.Logf("%s: largest difference of %d losses is %.2g", name, len(got), worst)
}

func TestFirstTenLossesEqualTorch(t *testing.T) {
	var torch map[string][]float64 // written by TestTrainingEqualsTorch, tag oracle
	b, err := os.ReadFile("testdata/losses.json")
	if err == nil {
		err = json.Unmarshal(b, &torch)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range trainCases {
		_, tr, x, labels := c.start(t)
		compareLosses(t, c.name, steps(t, tr, x, labels, c.rate), torch[c.name])
	}
}

// Every gradient of every kind of network against central differences of the
// loss, on a sample of each array.
func TestGradientsByFiniteDifferences(t *testing.T) {
	specs := map[string]Spec{
		"baseline":             {Model: "baseline", Input: []int{2, 11, 10}, Seed: 1},
		"head, hidden":         {Input: []int{3, 2, 2}, Hidden: 6, Dropout: 0.2, Seed: 2},
		"head, gap, 3 classes": {Input: []int{4, 3, 3}, Head: "gap", Dropout: 0.2, Classes: 3, Seed: 3},
	}
	for name, s := range specs {
		h := build(t, s)
		tr := trainer(t, h, TrainOptions{Batch: 6, Seed: 4})
		x, labels := items(h, 5, 5)
		_, grads, err := tr.Gradients(x, labels, 5)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range h.Params() {
			var got, want []float32
			tried := 0
			for j := 0; j < len(p.Data); j += 1 + len(p.Data)/40 {
				tried++
				if slope, smooth := numeric(t, tr, &p.Data[j], x, labels); smooth {
					got, want = append(got, grads[i][j]), append(want, slope)
				}
			}
			if 2*len(got) < tried {
				t.Errorf("%s %s: only %d of %d places are smooth", name, p.Name, len(got), tried)
			}
			testkit.Compare(t, name+" "+p.Name, got, want, testkit.Tolerance(5e-3)) // losses are float32: 3 digits remain
		}
	}
}

// numeric is the derivative of the loss by *w. It is not smooth where a ReLU or
// a MaxPool switches within the step: there the slopes of both sides differ.
func numeric(t *testing.T, tr *Trainer, w *float32, x []float32, labels []int) (slope float32, smooth bool) {
	t.Helper()
	const h = 1. / 512
	at := func(v float32) float64 {
		*w = v
		loss, _, err := tr.Gradients(x, labels, len(labels))
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	v := *w
	up, down, here := at(v+h), at(v-h), at(v)
	bend := math.Abs((up - here) - (here - down))
	return float32((up - down) / float64((v+h)-(v-h))), bend <= 3e-7+0.01*math.Abs(up-down)
}

// A short batch gives what a trainer of that very size gives.
func TestShortBatch(t *testing.T) {
	for _, c := range trainCases {
		h, whole, x, labels := c.start(t)
		n := 3
		exact := trainer(t, h, TrainOptions{Batch: n, ClassWeights: c.o.ClassWeights})
		x = x[:n*h.InputSize()]
		lossA, a, err := whole.Gradients(x, labels, n)
		if err != nil {
			t.Fatal(err)
		}
		lossB, b, err := exact.Gradients(x, labels, n)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(lossA-lossB) > 1e-6 {
			t.Errorf("%s: loss %g padded, %g alone", c.name, lossA, lossB)
		}
		for i, p := range h.Params() {
			testkit.Compare(t, c.name+" "+p.Name, a[i], b[i], testkit.Float)
		}
	}
}

// The loss of one batch by hand from the logits.
func TestLossByHand(t *testing.T) {
	h := build(t, Spec{Input: []int{7}, Seed: 1})
	tr := trainer(t, h, TrainOptions{Batch: 8, ClassWeights: []float64{1, 2}})
	x, labels := items(h, 5, 1)
	z := logits(t, h, x)
	var sum, weight float64
	for i, v := range z {
		w, sign := 1.0, 1.0
		if labels[i] == 1 {
			w, sign = 2, -1
		}
		sum += w * math.Log1p(math.Exp(sign*float64(v)))
		weight += w
	}
	loss, _, err := tr.Gradients(x, labels, 5)
	if err != nil || math.Abs(loss-sum/weight) > 1e-6 {
		t.Errorf("loss %g, error %v, want %g", loss, err, sum/weight)
	}
}

func TestThreadsDoNotChangeBytes(t *testing.T) {
	for _, s := range []Spec{
		{Model: "baseline", Input: []int{3, 24, 24}, Seed: 1},
		{Input: []int{64, 7, 7}, Hidden: 16, Dropout: 0.3, Seed: 2},
		{Input: []int{512, 7, 7}, Seed: 3},
	} {
		var want []float32
		for _, threads := range []int{1, 2, 3} {
			h := build(t, s)
			h.SetThreads(threads)
			x, labels := items(h, 40, 1)
			tr := trainer(t, h, TrainOptions{Batch: 16, Accumulate: 2, Threads: threads, Seed: 5, Clip: 0.1, EMA: 0.9})
			steps(t, tr, x, labels, 1e-3)
			got := append(flatParams(h), logits(t, h, x)...)
			for _, a := range tr.State() {
				got = append(got, a.Data...)
			}
			if want == nil {
				want = got
			}
			testkit.Compare(t, s.Model, got, want, testkit.Exact)
		}
	}
}

func TestRestoreGoesOnBitForBit(t *testing.T) {
	for _, o := range []TrainOptions{{Batch: 8, Seed: 3}, {Batch: 8, Optimiser: "adamw", WeightDecay: 0.01}, {Batch: 8, Optimiser: "sgd", Momentum: 0.9, L2: 1e-3},
		{Batch: 8, Accumulate: 3, Clip: 0.5, EMA: 0.9, Seed: 4}, {Batch: 8, Optimiser: "sgd", EMA: 0.9, Clip: 0.1}} {
		s := Spec{Model: "baseline", Input: []int{3, 14, 14}, Dropout: 0.2, Seed: 1}
		h := build(t, s)
		x, labels := items(h, 48, 2)
		half := 24 * h.InputSize()
		tr := trainer(t, h, o)
		steps(t, tr, x[:half], labels[:24], 1e-3)
		state, made := tr.State(), tr.Steps()
		steps(t, tr, x[half:], labels[24:], 1e-3)

		s.Seed = 77 // other weights, to be replaced
		other := build(t, s)
		resumed := trainer(t, other, o)
		path := t.TempDir() + "/state"
		if err := weights.SaveCheckpoint(path, &weights.Checkpoint{Arrays: state}); err != nil {
			t.Fatal(err)
		}
		file, err := weights.LoadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := resumed.Restore(file.Arrays, made); err != nil {
			t.Fatal(err)
		}
		steps(t, resumed, x[half:], labels[24:], 1e-3)
		testkit.Compare(t, "resumed "+o.Optimiser, flatParams(other), flatParams(h), testkit.Exact)
		for i, a := range tr.State() {
			testkit.Compare(t, "state "+a.Name, resumed.State()[i].Data, a.Data, testkit.Exact)
		}
		if tr.Steps() != 6 || resumed.Steps() != 6 {
			t.Errorf("%d and %d steps counted, want 6", tr.Steps(), resumed.Steps())
		}
	}
}

func TestRestoreErrors(t *testing.T) {
	h := build(t, Spec{Input: []int{4}})
	tr := trainer(t, h, TrainOptions{})
	before := flatParams(h)
	state := tr.State()
	for want, broken := range map[string][]weights.Array{
		`"m/logits/kernel" is missing`: slices.DeleteFunc(slices.Clone(state), func(a weights.Array) bool { return a.Name == "m/logits/kernel" }),
		"has shape (2,2), want (1,4)":  append([]weights.Array{{Name: "logits/kernel", Shape: []int{2, 2}, Data: make([]float32, 4)}}, state[1:]...),
	} {
		if err := tr.Restore(broken, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	testkit.Compare(t, "unchanged", flatParams(h), before, testkit.Exact)
}

// A batch that a trainer refuses changes nothing.
func TestStepErrors(t *testing.T) {
	h := build(t, Spec{Input: []int{3}, Seed: 1})
	tr := trainer(t, h, TrainOptions{Batch: 2})
	before := flatParams(h)
	x := make([]float32, 9)
	nan := []float32{1, float32(math.NaN()), 2}
	for want, step := range map[string]func() (float64, error){
		"3 items":         func() (float64, error) { return tr.Step(x, []int{0, 0, 0}, 3, 1) },
		"label 2":         func() (float64, error) { return tr.Step(x[:3], []int{2}, 1, 1) },
		"0 labels":        func() (float64, error) { return tr.Step(x[:3], nil, 1, 1) },
		"the loss is NaN": func() (float64, error) { return tr.Step(nan, []int{1}, 1, 1) },
	} {
		if _, err := step(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	testkit.Compare(t, "unchanged", flatParams(h), before, testkit.Exact)
	if tr.Steps() != 0 {
		t.Errorf("%d steps counted, want 0", tr.Steps())
	}
	for _, o := range []TrainOptions{{Batch: -1}, {ClassWeights: []float64{1}}, {ClassWeights: []float64{1, 0}}, {Optimiser: "rmsprop"}} {
		if _, err := h.Trainer(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// Raw ReLU features with unlike scales: standardised, one layer learns what
// its gradient descent cannot reach in the same steps otherwise.
func TestStandardiseHelpsUnscaledFeatures(t *testing.T) {
	last := map[bool]float64{}
	for _, on := range []bool{false, true} {
		h := build(t, Spec{Input: []int{64}, Standardise: on, Seed: 1})
		x, labels := items(h, 32*60, 9)
		mean, std := make([]float32, 64), make([]float32, 64)
		for j := range 64 {
			scale := float32(math.Pow(10, float64(j%8)-5))
			mean[j], std[j] = 3*scale, scale
			for i := range labels {
				x[i*64+j] = x[i*64+j]*scale + mean[j]
			}
		}
		if on {
			if err := h.SetNormaliser(mean, std); err != nil {
				t.Fatal(err)
			}
		}
		losses := steps(t, trainer(t, h, TrainOptions{}), x, labels, 0.01)
		last[on] = losses[len(losses)-1]
	}
	if last[true] > 0.3 || last[true] > last[false]/2 {
		t.Errorf("loss after 60 steps: %g standardised, %g raw; want below 0.3 and below half", last[true], last[false])
	}
}

// Under -race this shows that two networks may be trained at the same time;
// the bytes are those of training them one after the other.
func TestTwoTrainersAtOnce(t *testing.T) {
	train := func() []float32 {
		h, err := New(Spec{Model: "baseline", Input: []int{3, 12, 12}, Seed: 1})
		if err != nil {
			t.Error(err)
			return nil
		}
		tr, err := h.Trainer(TrainOptions{Batch: 8, Threads: 1})
		if err != nil {
			t.Error(err)
			return nil
		}
		defer tr.Close()
		x, labels := items(h, 40, 1)
		for i := 0; i < 40; i += 8 {
			if _, err := tr.Step(x[i*h.InputSize():(i+8)*h.InputSize()], labels[i:i+8], 8, 1e-3); err != nil {
				t.Error(err)
			}
		}
		return flatParams(h)
	}
	want := train()
	var group sync.WaitGroup
	var got [3][]float32
	for i := range got {
		group.Go(func() { got[i] = train() })
	}
	group.Wait()
	for _, g := range got {
		testkit.Compare(t, "trained beside others", g, want, testkit.Exact)
	}
}
