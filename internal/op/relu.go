package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Relu is max(x, 0); NaN stays NaN. y may share x's data.
type Relu struct{}

// Kind is "Relu".
func (Relu) Kind() string { return "Relu" }

// Shape is x's.
func (Relu) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = max(x, 0).
func (Relu) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	d.Relu(y.Data, x[0].Data)
}

// Backward passes dy where y > 0; at 0 the gradient is 0, as in torch.
func (Relu) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] != nil {
		d.ClampGrad(dx[0].Data, dy.Data, y.Data, 0, float32(math.Inf(1)))
	}
}
