package autodiff

import (
	"github.com/tlkit/tl/internal/cpu"
	"gorgonia.org/gorgonia"
)

// sgd is gradient descent with momentum as in torch.optim.SGD: the learning
// rate multiplies the momentum, not the gradient that enters it.
type sgd struct {
	dev   *cpu.Device
	o     SolverOptions
	rate  float64
	steps int
	m     [][]float32 // momentum; starts at 0, so the first step is plain
}

func newSGD(d *cpu.Device, o SolverOptions) *sgd {
	return &sgd{dev: d, o: o, rate: 1e-2, m: slots(o.Sizes)}
}

// SetRate sets the learning rate.
func (s *sgd) SetRate(rate float64) { s.rate = rate }

// Steps is the number of steps made.
func (s *sgd) Steps() int { return s.steps }

// State returns the momentum.
func (s *sgd) State() map[string][][]float32 { return map[string][][]float32{"m": s.m} }

// Restore sets the number of steps made.
func (s *sgd) Restore(steps int) { s.steps = steps }

// Step is, for each number,
//
//	g += l2·w;  m = momentum·m + g;  w -= rate·m;  g = 0
func (s *sgd) Step(model []gorgonia.ValueGrad) error {
	rate, momentum := float32(s.rate), float32(s.o.Momentum)
	err := each(model, s.o.Sizes, func(i int, w, g []float32) {
		l2, m := float32(s.o.decay(i, s.o.L2)), s.m[i]
		chunks(s.dev, len(w), func(from, to int) {
			for j := from; j < to; j++ {
				m[j] = momentum*m[j] + g[j] + l2*w[j]
				w[j] -= rate * m[j]
				g[j] = 0
			}
		})
	})
	if err == nil {
		s.steps++
	}
	return err
}
