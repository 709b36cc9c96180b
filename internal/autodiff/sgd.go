package autodiff

import (
	"github.com/tlkit/tl/internal/cpu"
	"gorgonia.org/gorgonia"
)

// sgd is gradient descent with momentum as in torch.optim.SGD: the learning
// rate multiplies the momentum, not the gradient that enters it.
type sgd struct {
	common
	m [][]float32 // momentum; starts at 0, so the first step is plain
}

func newSGD(d *cpu.Device, o SolverOptions) *sgd {
	return &sgd{common: newCommon(d, o, 1e-2), m: slots(o.Params)}
}

// State returns the momentum and the average.
func (s *sgd) State() map[string][][]float32 { return s.state(map[string][][]float32{"m": s.m}) }

// Step updates every parameter.
func (s *sgd) Step(model []gorgonia.ValueGrad) error {
	arrays, scale, err := s.begin(model)
	if err != nil {
		return err
	}
	for i, a := range arrays {
		s.update(i, a, float32(scale))
		if s.average != nil {
			s.dev.Lerp(float32(s.blend()), s.average[i], a.w)
		}
	}
	return nil
}

// update is, for each number of parameter i,
//
//	m = momentum·m + scale·g + l2·w;  w -= rate·m
func (s *sgd) update(i int, a array, scale float32) {
	w, g, m := a.w, a.g, s.m[i]
	rate, momentum, l2 := float32(s.rateOf(i)), float32(s.o.Momentum), float32(s.o.Params[i].L2)
	chunks(s.dev, len(w), func(from, to int) {
		for j := from; j < to; j++ {
			m[j] = momentum*m[j] + scale*g[j] + l2*w[j]
			w[j] -= rate * m[j]
		}
	})
}
