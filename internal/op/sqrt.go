package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Sqrt is the root of x, NaN below 0, computed in float64. y may share x's data.
type Sqrt struct{}

// Kind is "Sqrt".
func (Sqrt) Kind() string { return "Sqrt" }

// Shape is x's.
func (Sqrt) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = √x.
func (Sqrt) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain/8, y, x[0], Sqrt{}, Sqrt.apply)
}

func (Sqrt) apply(y, x []float32) {
	for i, v := range x {
		y[i] = float32(math.Sqrt(float64(v)))
	}
}

// Backward is dy/(2y).
func (Sqrt) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(y.Data), grain, func(lo, hi int) {
		dx, y := dx[0].Data[lo:hi], y.Data[lo:hi]
		for i, g := range dy.Data[lo:hi] {
			dx[i] = g / (2 * y[i])
		}
	})
}
