package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// MaxPool is the maximum under a window: x (N,C,H,W) → (N,C,OH,OW). Padding is
// never the maximum. Zero strides and dilations mean 1. The second output of
// ONNX, the indices, does not exist here.
type MaxPool struct {
	Kernel, Strides, Dilations [2]int // height, width
	Pads                       [4]int // top, left, bottom, right
	AutoPad                    string // "", NOTSET, SAME_UPPER, SAME_LOWER or VALID
	Ceil                       bool   // round the output size up
}

func parseMaxPool(r *reader) (Op, []int) {
	w := r.window()
	return MaxPool{w.kernel, w.strides, w.dilations, w.pads, w.autoPad, w.ceil}, r.all(1)
}

// Kind is "MaxPool".
func (MaxPool) Kind() string { return "MaxPool" }

// Shape is (N,C,OH,OW).
func (p MaxPool) Shape(in ...tensor.Shape) (tensor.Shape, error) { return p.window().poolShape(in) }

// Forward takes maxima.
func (p MaxPool) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	d.MaxPool(p.Geometry(x[0].Shape), y.Data, x[0].Data)
}

// Backward gives dy to the first maximum under each window, as torch does.
func (p MaxPool) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] != nil {
		d.MaxPoolGrad(p.Geometry(x[0].Shape), dx[0].Data, dy.Data, y.Data, x[0].Data)
	}
}

// Scratch is that of Forward.
func (p MaxPool) Scratch(d *cpu.Device, _ []bool, in ...tensor.Shape) cpu.Scratch {
	return d.MaxPoolScratch(p.Geometry(in[0]))
}

// Geometry is what the kernels want to know; x has passed Shape.
func (p MaxPool) Geometry(x tensor.Shape) cpu.PoolShape { return p.window().pool(x) }

func (p MaxPool) window() window {
	return window{p.Kernel, p.Strides, p.Dilations, p.Pads, p.AutoPad, p.Ceil}
}

// window reads the attributes that pools share.
func (r *reader) window() window {
	k := r.ints("kernel_shape")
	if len(k) != 2 || k[0] < 1 || k[1] < 1 {
		r.fail("attribute kernel_shape is %v, wanted 2 numbers ≥ 1, height and width", k)
		k = []int{1, 1}
	}
	w := window{
		kernel: [2]int{k[0], k[1]}, strides: r.pair("strides"), dilations: r.pair("dilations"),
		pads: r.padding(), autoPad: r.str("auto_pad", notSet), ceil: r.flag("ceil_mode"),
	}
	return w
}

// poolShape is the Shape of pools.
func (p window) poolShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	if err := image(in[0]); err != nil {
		return nil, err
	}
	if max(p.kernel[0], p.kernel[1]) > maxKernel {
		return nil, fmt.Errorf("kernel %v is larger than %d", p.kernel, maxKernel)
	}
	if p.autoPad == "" || p.autoPad == notSet {
		for i, pad := range p.pads {
			if pad >= p.kernel[i%2] {
				return nil, fmt.Errorf("padding %v must be smaller than the kernel %v", p.pads, p.kernel)
			}
		}
	}
	f, err := p.over(in[0][2], in[0][3])
	if err != nil {
		return nil, fmt.Errorf("input %v: %w", in[0], err)
	}
	return sized(tensor.Shape{in[0][0], in[0][1], f.oh, f.ow})
}

// pool is the geometry for the kernels; x has passed poolShape.
func (p window) pool(x tensor.Shape) cpu.PoolShape {
	f, _ := p.over(x[2], x[3])
	s := cpu.PoolShape{
		N: x[0], C: x[1], H: x[2], W: x[3], R: p.kernel[0], S: p.kernel[1], OH: f.oh, OW: f.ow,
		StrideH: one(p.strides[0]), StrideW: one(p.strides[1]), PadTop: f.top, PadLeft: f.left,
		DilationH: one(p.dilations[0]), DilationW: one(p.dilations[1]),
	}
	s.BeyondH = max(0, (s.OH-1)*s.StrideH+(s.R-1)*s.DilationH+1-s.H-f.top-f.bottom)
	s.BeyondW = max(0, (s.OW-1)*s.StrideW+(s.S-1)*s.DilationW+1-s.W-f.left-f.right)
	return s
}
