package autodiff

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// Solver is a gorgonia.Solver whose state can be kept and given back, so that
// training goes on bit for bit. Its Step changes the parameters in place and
// sets their gradients to zero.
type Solver interface {
	gorgonia.Solver
	// SetRate sets the learning rate from the next Step on.
	SetRate(rate float64)
	// Steps is the number of steps made.
	Steps() int
	// State returns the live running means, by slot ("m", "v") and parameter.
	State() map[string][][]float32
	// Restore sets the number of steps made; the numbers of State are set by
	// writing into them.
	Restore(steps int)
}

// SolverOptions says how parameters are updated. Zero values are torch's defaults.
type SolverOptions struct {
	Kind        string  // "adam" (also ""), "adamw" or "sgd"
	Beta1       float64 // Adam: decay of the mean; 0 is 0.9
	Beta2       float64 // Adam: decay of the mean square; 0 is 0.999
	Epsilon     float64 // Adam: 0 is 1e-8
	Momentum    float64 // SGD
	L2          float64 // coupled: L2·w is added to the gradient of w
	WeightDecay float64 // decoupled, AdamW only: w shrinks by rate·WeightDecay·w a step
	Sizes       []int   // length of each parameter
	Decay       []bool  // by parameter: do L2 and WeightDecay apply? Never to biases.
}

// NewSolver makes a solver that runs on d.
func NewSolver(d *cpu.Device, o SolverOptions) (Solver, error) {
	if len(o.Decay) != len(o.Sizes) {
		return nil, fmt.Errorf("solver: %d parameters, but %d decay flags", len(o.Sizes), len(o.Decay))
	}
	if o.L2 < 0 || o.WeightDecay < 0 {
		return nil, fmt.Errorf("solver: L2 %g and weight decay %g may not be negative", o.L2, o.WeightDecay)
	}
	if o.WeightDecay != 0 && o.Kind != "adamw" {
		return nil, fmt.Errorf("solver: weight decay belongs to adamw, the optimiser is %q; L2 works with every one", o.Kind)
	}
	if o.Momentum != 0 && o.Kind != "sgd" {
		return nil, fmt.Errorf("solver: momentum belongs to sgd, the optimiser is %q", o.Kind)
	}
	switch o.Kind {
	case "", "adam", "adamw":
		return newAdam(d, o), nil
	case "sgd":
		return newSGD(d, o), nil
	}
	return nil, fmt.Errorf("solver: unknown optimiser %q; there are adam, adamw and sgd", o.Kind)
}

// slots allocates one running mean per parameter.
func slots(sizes []int) [][]float32 {
	s := make([][]float32, len(sizes))
	for i, n := range sizes {
		s[i] = make([]float32, n)
	}
	return s
}

// each calls f with the numbers and the gradient of each parameter.
func each(model []gorgonia.ValueGrad, sizes []int, f func(i int, w, g []float32)) error {
	if len(model) != len(sizes) {
		return fmt.Errorf("solver: %d parameters, want %d", len(model), len(sizes))
	}
	for i, p := range model {
		g, err := gradient(p)
		if err != nil {
			return fmt.Errorf("solver: parameter %d: %w", i, err)
		}
		w, ok := p.Value().(*gt.Dense)
		if !ok || len(w.Float32s()) != sizes[i] || len(g) != sizes[i] {
			return fmt.Errorf("solver: parameter %d has shape %v and %d gradients, want %d numbers", i, p.Value().Shape(), len(g), sizes[i])
		}
		f(i, w.Float32s(), g)
	}
	return nil
}

// decay returns v where it applies to parameter i, else 0.
func (o *SolverOptions) decay(i int, v float64) float64 {
	if o.Decay[i] {
		return v
	}
	return 0
}
