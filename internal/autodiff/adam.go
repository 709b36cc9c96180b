package autodiff

import (
	"github.com/tlkit/tl/internal/cpu"
	"gorgonia.org/gorgonia"
)

// adam is Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019), on the
// device's own kernel. Weight decay is 0 unless the solver is AdamW.
type adam struct {
	common
	m, v [][]float32 // running means of the gradient and of its square
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
	return &adam{common: newCommon(d, o, 1e-3), m: slots(o.Params), v: slots(o.Params)}
}

// State returns the running means and the average.
func (s *adam) State() map[string][][]float32 {
	return s.state(map[string][][]float32{"m": s.m, "v": s.v})
}

// Step updates every parameter.
func (s *adam) Step(model []gorgonia.ValueGrad) error {
	arrays, scale, err := s.begin(model)
	if err != nil {
		return err
	}
	step := cpu.AdamStep{
		Beta1: s.o.Beta1, Beta2: s.o.Beta2, Epsilon: s.o.Epsilon,
		Step: s.steps, Scale: scale, Blend: s.blend(),
	}
	for i, a := range arrays {
		p := s.o.Params[i]
		step.Rate, step.L2, step.Decay = s.rateOf(i), p.L2, p.WeightDecay
		s.dev.Adam(step, cpu.AdamArrays{P: a.w, M: s.m[i], V: s.v[i], G: a.g, Average: s.averageOf(i)})
	}
	return nil
}
