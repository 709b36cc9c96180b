package autodiff

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"gorgonia.org/gorgonia"
)

// adam is Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019), with the
// order of operations of torch.optim.
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

// adamStep holds the factors of one step and parameter.
type adamStep struct {
	beta1, beta2, rest1, rest2 float32 // rest = 1 - beta
	shrink, l2, eps            float32 // shrink = 1 - rate·decay
	rate, root                 float32 // rate / (1-beta1^t) and 1/sqrt(1-beta2^t)
}

// Step updates every parameter and clears its gradient.
func (s *adam) Step(model []gorgonia.ValueGrad) error {
	s.steps++
	t := float64(s.steps)
	k := adamStep{
		beta1: float32(s.o.Beta1), rest1: float32(1 - s.o.Beta1),
		beta2: float32(s.o.Beta2), rest2: float32(1 - s.o.Beta2),
		eps:  float32(s.o.Epsilon),
		rate: float32(s.rate / (1 - math.Pow(s.o.Beta1, t))),
		root: float32(1 / math.Sqrt(1-math.Pow(s.o.Beta2, t))),
	}
	err := each(model, s.o.Sizes, func(i int, w, g []float32) {
		k := k
		k.l2 = s.o.decay(i, s.o.L2)
		k.shrink = 1
		if s.o.Decay[i] {
			k.shrink = float32(1 - s.rate*s.o.WeightDecay)
		}
		m, v := s.m[i], s.v[i]
		chunks(s.dev, len(w), func(a, b int) { k.update(w[a:b], g[a:b], m[a:b], v[a:b]) })
	})
	if err != nil {
		s.steps--
	}
	return err
}

// update is, for each number,
//
//	g += l2·w;  w *= shrink
//	m = beta1·m + (1-beta1)·g;  v = beta2·v + (1-beta2)·g²
//	w -= rate·m / (sqrt(v)·root + eps);  g = 0
func (k *adamStep) update(w, g, m, v []float32) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i, x := range w {
		d := g[i] + k.l2*x
		mi := k.beta1*m[i] + k.rest1*d
		vi := k.beta2*v[i] + k.rest2*d*d
		m[i], v[i], g[i] = mi, vi, 0
		w[i] = x*k.shrink - k.rate*mi/(float32(math.Sqrt(float64(vi)))*k.root+k.eps)
	}
}
