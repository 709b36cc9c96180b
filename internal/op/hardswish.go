package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// HardSwish is x·min(max(x/6 + 1/2, 0), 1). y may share x's data.
type HardSwish struct{}

// Kind is "HardSwish".
func (HardSwish) Kind() string { return "HardSwish" }

// Shape is x's.
func (HardSwish) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = x·min(max(x/6 + 1/2, 0), 1).
func (HardSwish) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain, y, x[0], HardSwish{}, HardSwish.apply)
}

func (HardSwish) apply(y, x []float32) {
	for i, v := range x {
		y[i] = v * min(max(v/6+0.5, 0), 1)
	}
}

// Backward is 0 below -3, dy above 3 and (x/3 + 1/2)·dy between.
func (HardSwish) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(dy.Data), grain, func(lo, hi int) {
		dx, x := dx[0].Data[lo:hi], x[0].Data[lo:hi]
		for i, g := range dy.Data[lo:hi] {
			switch v := x[i]; {
			case v <= -3:
				dx[i] = 0
			case v >= 3:
				dx[i] = g
			default:
				dx[i] = g * (v/3 + 0.5)
			}
		}
	})
}
