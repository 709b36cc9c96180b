package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// LeakyRelu is x where x ≥ 0, else Alpha·x. Files say 0.01 by default. y may
// share x's data.
type LeakyRelu struct{ Alpha float32 }

// Kind is "LeakyRelu".
func (LeakyRelu) Kind() string { return "LeakyRelu" }

// Shape is x's.
func (LeakyRelu) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = x or Alpha·x.
func (l LeakyRelu) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain, y, x[0], l, LeakyRelu.apply)
}

func (l LeakyRelu) apply(y, x []float32) {
	for i, v := range x {
		if v < 0 {
			v *= l.Alpha
		}
		y[i] = v
	}
}

// Backward is dy where x > 0, else Alpha·dy, as in torch.
func (l LeakyRelu) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(dy.Data), grain, func(lo, hi int) {
		dx, dy := dx[0].Data[lo:hi], dy.Data[lo:hi]
		for i, v := range x[0].Data[lo:hi] {
			if v > 0 {
				dx[i] = dy[i]
			} else {
				dx[i] = l.Alpha * dy[i]
			}
		}
	})
}
