package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Tanh is tanh(x), computed in float64. y may share x's data.
type Tanh struct{}

// Kind is "Tanh".
func (Tanh) Kind() string { return "Tanh" }

// Shape is x's.
func (Tanh) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = tanh(x).
func (Tanh) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain/8, y, x[0], Tanh{}, Tanh.apply)
}

func (Tanh) apply(y, x []float32) {
	for i, v := range x {
		y[i] = float32(math.Tanh(float64(v)))
	}
}

// Backward uses y only.
func (Tanh) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(y.Data), grain, func(lo, hi int) {
		dx, y := dx[0].Data[lo:hi], y.Data[lo:hi]
		for i, g := range dy.Data[lo:hi] {
			v := y[i]
			dx[i] = g * (1 - v*v)
		}
	})
}
