package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// HardSigmoid is Alpha·x + Beta limited to 0 … 1. Files say 0.2 and 0.5 by
// default. y may share x's data.
type HardSigmoid struct{ Alpha, Beta float32 }

func parseHardSigmoid(r *reader) (Op, []int) {
	return HardSigmoid{Alpha: r.float("alpha", 0.2), Beta: r.float("beta", 0.5)}, r.all(1)
}

// Kind is "HardSigmoid".
func (HardSigmoid) Kind() string { return "HardSigmoid" }

// Shape is x's.
func (HardSigmoid) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward sets y = min(max(Alpha·x + Beta, 0), 1).
func (h HardSigmoid) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	elementwise(d, grain, y, x[0], h, HardSigmoid.apply)
}

func (h HardSigmoid) apply(y, x []float32) {
	for i, v := range x {
		y[i] = min(max(h.Alpha*v+h.Beta, 0), 1)
	}
}

// Backward is Alpha·dy where 0 < y < 1.
func (h HardSigmoid) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	d.ClampGrad(dx[0].Data, dy.Data, y.Data, 0, 1)
	scale(dx[0].Data, h.Alpha)
}
