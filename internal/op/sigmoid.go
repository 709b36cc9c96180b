package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Sigmoid is 1/(1+exp(-x)), computed in float64. y may share x's data.
type Sigmoid struct{}

// Kind is "Sigmoid".
func (Sigmoid) Kind() string { return "Sigmoid" }

// Shape is x's.
func (Sigmoid) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = 1/(1+exp(-x)).
func (Sigmoid) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain/8, y, x[0], Sigmoid{}, Sigmoid.apply)
}

func (Sigmoid) apply(y, x []float32) {
	for i, v := range x {
		y[i] = float32(1 / (1 + math.Exp(-float64(v))))
	}
}

// Backward uses y only.
func (Sigmoid) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(y.Data), grain, func(lo, hi int) {
		dx, y := dx[0].Data[lo:hi], y.Data[lo:hi]
		for i, g := range dy.Data[lo:hi] {
			v := y[i]
			dx[i] = g * v * (1 - v)
		}
	})
}
