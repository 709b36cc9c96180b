package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// AveragePool is the mean under a window: x (N,C,H,W) → (N,C,OH,OW). The
// divisor counts the image's pixels under the window or, with CountPad, also
// those of the declared padding, but never what only Ceil lets a window reach,
// as in torch. Zero strides and dilations mean 1.
type AveragePool struct {
	Kernel, Strides, Dilations [2]int // height, width
	Pads                       [4]int // top, left, bottom, right
	AutoPad                    string // "", NOTSET, SAME_UPPER, SAME_LOWER or VALID
	Ceil                       bool   // round the output size up
	CountPad                   bool   // count_include_pad
}

func parseAveragePool(r *reader) (Op, []int) {
	w := r.window()
	return AveragePool{w.kernel, w.strides, w.dilations, w.pads, w.autoPad, w.ceil, r.flag("count_include_pad")}, r.all(1)
}

// Kind is "AveragePool".
func (AveragePool) Kind() string { return "AveragePool" }

// Shape is (N,C,OH,OW).
func (p AveragePool) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	return p.window().poolShape(in)
}

// Forward averages.
func (p AveragePool) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	d.AvgPool(p.Geometry(x[0].Shape), y.Data, x[0].Data, p.CountPad)
}

// Backward spreads dy over each window.
func (p AveragePool) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] != nil {
		d.AvgPoolGrad(p.Geometry(x[0].Shape), dx[0].Data, dy.Data, p.CountPad)
	}
}

// Geometry is what the kernels want to know; x has passed Shape.
func (p AveragePool) Geometry(x tensor.Shape) cpu.PoolShape { return p.window().pool(x) }

func (p AveragePool) window() window {
	return window{p.Kernel, p.Strides, p.Dilations, p.Pads, p.AutoPad, p.Ceil}
}
