package heads

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/autodiff"
)

// TrainOptions says how to train. The zero value is Adam on batches of 32.
type TrainOptions struct {
	Batch        int       // items a step at most; 0 is 32
	Accumulate   int       // parts of a batch that are computed one after the other, to save memory; 0 is 1
	Optimiser    string    // "adam" (also ""), "adamw" or "sgd"
	WeightDecay  float64   // decoupled, adamw only: kernels shrink by rate·WeightDecay a step, in both groups
	L2           float64   // coupled: L2·w is added to the gradient of the head's kernels (a penalty of L2/2·Σw²)
	BodyL2       float64   // the same for the body's, Param.Group 1
	BodyRate     float64   // learning rate of the body as a multiple of the head's, which Step is given; 0 is 1
	Momentum     float64   // sgd only
	Clip         float64   // largest L2 norm of all gradients together, as torch.nn.utils.clip_grad_norm_; 0 is none
	EMA          float64   // decay of a moving average of the parameters, see Trainer.Averaged; 0 keeps none
	ClassWeights []float64 // by class; nil is 1 each. The loss is Σ w·l / Σ w
	Mixup        bool      // items may be mixtures, see Trainer.StepMixed
	Threads      int       // 0 is all cores; results do not depend on it
	Seed         uint64    // of dropout
}

// complete fills in the defaults, or says what cannot be.
func (o TrainOptions) complete(h *Head) (TrainOptions, error) {
	if o.Batch == 0 {
		o.Batch = 32
	}
	if o.Accumulate == 0 {
		o.Accumulate = 1
	}
	if o.Batch < 1 || o.Batch > math.MaxInt32/h.InputSize() {
		return o, fmt.Errorf("heads: batch of %d items of %d numbers, want at least 1 item and less than 2^31 numbers", o.Batch, h.InputSize())
	}
	if o.Accumulate < 1 || o.Accumulate > o.Batch {
		return o, fmt.Errorf("heads: a batch of %d items in %d parts, want 1 to %d", o.Batch, o.Accumulate, o.Batch)
	}
	if !(o.BodyRate >= 0 && o.BodyL2 >= 0) {
		return o, fmt.Errorf("heads: rate %g and L2 %g of the body may not be negative", o.BodyRate, o.BodyL2)
	}
	if o.ClassWeights != nil && len(o.ClassWeights) != h.spec.Classes {
		return o, fmt.Errorf("heads: %d class weights, want %d", len(o.ClassWeights), h.spec.Classes)
	}
	for i, w := range o.ClassWeights {
		if !(w > 0) || math.IsInf(w, 0) {
			return o, fmt.Errorf("heads: weight %g of class %d, want more than 0", w, i)
		}
	}
	return o, nil
}

// rows is how many items the graph takes at once.
func (o *TrainOptions) rows() int { return (o.Batch + o.Accumulate - 1) / o.Accumulate }

// solver is the optimiser's share of the options.
func (o *TrainOptions) solver(params []Param) autodiff.SolverOptions {
	s := autodiff.SolverOptions{Kind: o.Optimiser, Momentum: o.Momentum, Clip: o.Clip, Average: o.EMA}
	for _, p := range params {
		u := autodiff.ParamOptions{Size: len(p.Data)}
		l2 := o.L2
		if p.Group == GroupBody {
			u.Rate, l2 = o.BodyRate, o.BodyL2
		}
		if p.Decay {
			u.L2, u.WeightDecay = l2, o.WeightDecay
		}
		s.Params = append(s.Params, u)
	}
	return s
}
