package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Exp is e to the power of x, computed in float64. y may share x's data.
type Exp struct{}

// Kind is "Exp".
func (Exp) Kind() string { return "Exp" }

// Shape is x's.
func (Exp) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = exp(x).
func (Exp) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain/8, y, x[0], Exp{}, Exp.apply)
}

func (Exp) apply(y, x []float32) {
	for i, v := range x {
		y[i] = float32(math.Exp(float64(v)))
	}
}

// Backward is y·dy.
func (Exp) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(y.Data), grain, func(lo, hi int) {
		dx, y := dx[0].Data[lo:hi], y.Data[lo:hi]
		for i, g := range dy.Data[lo:hi] {
			dx[i] = g * y[i]
		}
	})
}
