package autodiff

import (
	"github.com/tlkit/tl/internal/cpu"
	"gorgonia.org/gorgonia"
)

// adam is Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019), on the
// device's own kernel. Weight decay is 0 unless the solver is AdamW.
type adam struct {
	dev   *cpu.Device
	o     SolverOptions
	rate  float64
	steps int
	m, v  [][]float32 // running means of the gradient and of its square
}

func newAdam(d *cpu.Device, o SolverOptions) *adam {
	if o.Beta1 == 0 {
		o.Beta1 = 0.9
	}
	if o.Beta2 == 0 {
		o.Beta2 = 0.999
	}
	if o.Epsilon == 0 {
		o.Epsilon = 1e-8
	}
	return &adam{dev: d, o: o, rate: 1e-3, m: slots(o.Sizes), v: slots(o.Sizes)}
}

// SetRate sets the learning rate.
func (s *adam) SetRate(rate float64) { s.rate = rate }

// Steps is the number of steps made.
func (s *adam) Steps() int { return s.steps }

// State returns the two running means.
func (s *adam) State() map[string][][]float32 { return map[string][][]float32{"m": s.m, "v": s.v} }

// Restore sets the number of steps made.
func (s *adam) Restore(steps int) { s.steps = steps }

// Step updates every parameter and clears its gradient.
func (s *adam) Step(model []gorgonia.ValueGrad) error {
	s.steps++
	step := cpu.AdamStep{Rate: s.rate, Beta1: s.o.Beta1, Beta2: s.o.Beta2, Epsilon: s.o.Epsilon, Step: s.steps}
	err := each(model, s.o.Sizes, func(i int, w, g []float32) {
		step.L2, step.Decay = s.o.decay(i, s.o.L2), s.o.decay(i, s.o.WeightDecay)
		s.dev.Adam(step, w, s.m[i], s.v[i], g)
		clear(g)
	})
	if err != nil {
		s.steps--
	}
	return err
}
