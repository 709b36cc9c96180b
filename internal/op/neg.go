package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Neg is -x. y may share x's data.
type Neg struct{}

// Kind is "Neg".
func (Neg) Kind() string { return "Neg" }

// Shape is x's.
func (Neg) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = -x.
func (Neg) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain, y, x[0], Neg{}, Neg.apply)
}

func (Neg) apply(y, x []float32) {
	for i, v := range x {
		y[i] = -v
	}
}

// Backward is -dy.
func (Neg) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] != nil {
		elementwise(d, grain, dx[0], dy, Neg{}, Neg.apply)
	}
}
