package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Softplus is log(1 + exp(x)), computed in float64. y may share x's data.
type Softplus struct{}

// Kind is "Softplus".
func (Softplus) Kind() string { return "Softplus" }

// Shape is x's.
func (Softplus) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = log(1 + exp(x)) without overflow.
func (Softplus) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain/8, y, x[0], Softplus{}, Softplus.apply)
}

func (Softplus) apply(y, x []float32) {
	for i, v := range x {
		y[i] = float32(max(float64(v), 0) + math.Log1p(math.Exp(-math.Abs(float64(v)))))
	}
}

// Backward is dy/(1 + exp(-x)).
func (Softplus) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(y.Data), grain, func(lo, hi int) {
		dx, x := dx[0].Data[lo:hi], x[0].Data[lo:hi]
		for i, g := range dy.Data[lo:hi] {
			dx[i] = g * float32(1/(1+math.Exp(-float64(x[i]))))
		}
	})
}
