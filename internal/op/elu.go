package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Elu is x where x ≥ 0, else Alpha·(exp(x) - 1), computed in float64. Files
// say 1 by default. y may share x's data.
type Elu struct{ Alpha float32 }

// Kind is "Elu".
func (Elu) Kind() string { return "Elu" }

// Shape is x's.
func (Elu) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = x or Alpha·(exp(x) - 1).
func (e Elu) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain/8, y, x[0], e, Elu.apply)
}

func (e Elu) apply(y, x []float32) {
	for i, v := range x {
		if v < 0 {
			v = float32(float64(e.Alpha) * math.Expm1(float64(v)))
		}
		y[i] = v
	}
}

// Backward is dy where x ≥ 0, else Alpha·exp(x)·dy.
func (e Elu) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(y.Data), grain, func(lo, hi int) {
		dx, x := dx[0].Data[lo:hi], x[0].Data[lo:hi]
		for i, g := range dy.Data[lo:hi] {
			if v := x[i]; v < 0 {
				g *= float32(float64(e.Alpha) * math.Exp(float64(v)))
			}
			dx[i] = g
		}
	})
}
