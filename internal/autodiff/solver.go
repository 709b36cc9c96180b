package autodiff

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// Solver is a gorgonia.Solver whose state can be kept and given back, so that
// training goes on bit for bit. Its Step changes the parameters in place and
// leaves their gradients, see Machine.ZeroGrad. Gradients whose norm is not
// finite are an error, and no step is made.
type Solver interface {
	gorgonia.Solver
	// SetRate sets the learning rate from the next Step on.
	SetRate(rate float64)
	// Steps is the number of steps made.
	Steps() int
	// State returns the live arrays, by slot and parameter: running means "m"
	// and "v" of the gradient, and "ema", the moving average of the parameters.
	State() map[string][][]float32
	// Restore sets the number of steps made; the numbers of State are set by
	// writing into them.
	Restore(steps int)
}

// SolverOptions says how parameters are updated. Zero values are torch's
// defaults: nothing is clipped, no average is kept.
type SolverOptions struct {
	Kind     string  // "adam" (also ""), "adamw" or "sgd"
	Beta1    float64 // Adam: decay of the mean; 0 is 0.9
	Beta2    float64 // Adam: decay of the mean square; 0 is 0.999
	Epsilon  float64 // Adam: 0 is 1e-8
	Momentum float64 // SGD
	Clip     float64 // largest L2 norm of all gradients together, as torch.nn.utils.clip_grad_norm_; 0 is none
	Average  float64 // decay of the parameters' moving average, in [0,1); 0 keeps none
	Params   []ParamOptions
}

// ParamOptions says how one parameter is updated.
type ParamOptions struct {
	Size        int
	Rate        float64 // multiple of the solver's rate; 0 is 1
	L2          float64 // coupled: L2·w is added to the gradient of w, after clipping
	WeightDecay float64 // decoupled, AdamW only: w shrinks by rate·WeightDecay·w a step
}

// NewSolver makes a solver that runs on d.
func NewSolver(d *cpu.Device, o SolverOptions) (Solver, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	switch o.Kind {
	case "", "adam", "adamw":
		return newAdam(d, o), nil
	case "sgd":
		return newSGD(d, o), nil
	}
	return nil, fmt.Errorf("solver: unknown optimiser %q; there are adam, adamw and sgd", o.Kind)
}

func (o *SolverOptions) check() error {
	if !(o.Clip >= 0) {
		return fmt.Errorf("solver: gradients clipped to a norm of %g, want more than 0, or 0 for none", o.Clip)
	}
	if !(o.Average >= 0 && o.Average < 1) {
		return fmt.Errorf("solver: moving average with a decay of %g, want 0 or more and less than 1", o.Average)
	}
	if o.Momentum != 0 && o.Kind != "sgd" {
		return fmt.Errorf("solver: momentum belongs to sgd, the optimiser is %q", o.Kind)
	}
	for _, p := range o.Params {
		if !(p.Rate >= 0 && p.L2 >= 0 && p.WeightDecay >= 0) {
			return fmt.Errorf("solver: rate factor %g, L2 %g and weight decay %g may not be negative", p.Rate, p.L2, p.WeightDecay)
		}
		if p.WeightDecay != 0 && o.Kind != "adamw" {
			return fmt.Errorf("solver: weight decay belongs to adamw, the optimiser is %q; L2 works with every one", o.Kind)
		}
	}
	return nil
}

// Bytes is the memory of a solver with these options.
func (o *SolverOptions) Bytes() int64 {
	slots := 2 // Adam's
	if o.Kind == "sgd" {
		slots = 1
	}
	if o.Average > 0 {
		slots++
	}
	n := 0
	for _, p := range o.Params {
		n += p.Size
	}
	return 4 * int64(slots) * int64(n)
}

// common is what every solver has.
type common struct {
	dev     *cpu.Device
	o       SolverOptions
	rate    float64
	steps   int
	average [][]float32 // by parameter; nil without Average
}

func newCommon(d *cpu.Device, o SolverOptions, rate float64) common {
	c := common{dev: d, o: o, rate: rate}
	if o.Average > 0 {
		c.average = slots(o.Params)
	}
	return c
}

// SetRate sets the learning rate.
func (c *common) SetRate(rate float64) { c.rate = rate }

// Steps is the number of steps made.
func (c *common) Steps() int { return c.steps }

// Restore sets the number of steps made.
func (c *common) Restore(steps int) { c.steps = steps }

// rateOf is the learning rate of parameter i.
func (c *common) rateOf(i int) float64 {
	if f := c.o.Params[i].Rate; f != 0 {
		return c.rate * f
	}
	return c.rate
}

// blend is the share of the parameters in their average at the present step t,
// from 1: 1 - min(Average, (1+t)/(10+t)). A long memory would otherwise hold
// the initial weights throughout a short run. The warm-up is that of
// TensorFlow's tf.train.ExponentialMovingAverage(num_updates).
func (c *common) blend() float64 {
	t := float64(c.steps)
	return 1 - min(c.o.Average, (1+t)/(10+t))
}

// averageOf is the moving average of parameter i, nil without one.
func (c *common) averageOf(i int) []float32 {
	if c.average == nil {
		return nil
	}
	return c.average[i]
}

// state adds the average to a solver's own slots.
func (c *common) state(s map[string][][]float32) map[string][][]float32 {
	if c.average != nil {
		s["ema"] = c.average
	}
	return s
}

// array is a parameter's numbers and their gradient.
type array struct{ w, g []float32 }

// begin counts a step on model, and returns its arrays and the factor of their
// gradients that clips them. After an error the step does not count.
func (c *common) begin(model []gorgonia.ValueGrad) ([]array, float64, error) {
	arrays, err := c.arrays(model)
	if err != nil {
		return nil, 0, err
	}
	norm := gradientNorm(c.dev, arrays)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return nil, 0, fmt.Errorf("solver: the norm of the gradients is %g", norm)
	}
	if c.steps == 0 && c.average != nil {
		for i, a := range arrays {
			copy(c.average[i], a.w)
		}
	}
	c.steps++
	return arrays, c.clip(norm), nil
}

// clip is the factor min(1, Clip/(norm+1e-6)), torch's.
func (c *common) clip(norm float64) float64 {
	if c.o.Clip == 0 {
		return 1
	}
	return min(1, c.o.Clip/(norm+1e-6))
}

// arrays returns model's arrays, whose lengths must be those of the options.
func (c *common) arrays(model []gorgonia.ValueGrad) ([]array, error) {
	if len(model) != len(c.o.Params) {
		return nil, fmt.Errorf("solver: %d parameters, want %d", len(model), len(c.o.Params))
	}
	out := make([]array, len(model))
	for i, p := range model {
		g, err := gradient(p)
		if err != nil {
			return nil, fmt.Errorf("solver: parameter %d: %w", i, err)
		}
		w, ok := p.Value().(*gt.Dense)
		if n := c.o.Params[i].Size; !ok || len(w.Float32s()) != n || len(g) != n {
			return nil, fmt.Errorf("solver: parameter %d has shape %v and %d gradients, want %d numbers", i, p.Value().Shape(), len(g), n)
		}
		out[i] = array{w.Float32s(), g}
	}
	return out, nil
}

// slots allocates one array per parameter.
func slots(params []ParamOptions) [][]float32 {
	s := make([][]float32, len(params))
	for i, p := range params {
		s[i] = make([]float32, p.Size)
	}
	return s
}
