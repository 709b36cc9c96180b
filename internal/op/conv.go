package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Conv is ONNX Conv over images. Inputs: x (N,C,H,W), weight (K,C/Group,R,S),
// bias (K) or omitted and, when Residual is set, an array of the output's
// shape. Output (N,K,OH,OW) = clamp(conv(x, weight) + bias + residual).
// Zero strides, dilations and group mean 1. FromONNX leaves the fused fields
// unset; passes set them.
type Conv struct {
	Strides, Dilations [2]int // height, width
	Pads               [4]int // top, left, bottom, right
	Group              int
	AutoPad            string // "", NOTSET, SAME_UPPER, SAME_LOWER or VALID

	Residual bool    // input 3 is added before clamping
	Clamp    bool    // results are limited to Lo … Hi
	Lo, Hi   float32 // a ReLU is 0 … +Inf

	Norm *FrozenNorm // what follows at once, before the residual; nil for none

	Hint [3]int // N, H, W of the input where known, for Pack to choose a layout by

	packed *cpu.ConvWeights
}

func parseConv(r *reader) (Op, []int) {
	c := Conv{
		Strides:   r.pair("strides"),
		Dilations: r.pair("dilations"),
		Pads:      r.padding(),
		Group:     r.int("group", 1),
		AutoPad:   r.str("auto_pad", notSet),
	}
	if c.Group < 1 {
		r.fail("attribute group is %d, wanted at least 1", c.Group)
	}
	w := r.shape(1)
	if k := r.ints("kernel_shape"); k != nil && len(w) == 4 && (len(k) != 2 || k[0] != w[2] || k[1] != w[3]) {
		r.fail("attribute kernel_shape is %v, the weight is %v", k, w)
	}
	if x := r.shape(0); len(x) == 4 {
		c.Hint = [3]int{x[0], x[2], x[3]}
	}
	return c, r.all(3)
}

// Kind is "Conv".
func (Conv) Kind() string { return "Conv" }

// Shape is (N,K,OH,OW).
func (c Conv) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 2, 4); err != nil {
		return nil, err
	}
	x, w, group := in[0], in[1], one(c.Group)
	if err := image(x); err != nil {
		return nil, err
	}
	if err := image(w); err != nil {
		return nil, fmt.Errorf("weight %v wants 4 axes (K,C/group,R,S), none empty", w)
	}
	if x[1]%group != 0 || w[0]%group != 0 {
		return nil, fmt.Errorf("group %d must divide the %d channels of input %v and the %d of weight %v", group, x[1], x, w[0], w)
	}
	if w[1]*group != x[1] {
		return nil, fmt.Errorf("weight %v wants %d input channels, input is %v", w, w[1]*group, x)
	}
	if has(in, 2) && (len(in[2]) != 1 || in[2][0] != w[0]) {
		return nil, fmt.Errorf("weight %v wants a bias (%d), it is %v", w, w[0], in[2])
	}
	f, err := c.window(w).over(x[2], x[3])
	if err != nil {
		return nil, fmt.Errorf("weight %v over input %v: %w", w, x, err)
	}
	y := tensor.Shape{x[0], w[0], f.oh, f.ow}
	if c.Residual && (!has(in, 3) || !in[3].Equal(y)) {
		return nil, fmt.Errorf("wants a residual input %v", y)
	}
	return sized(y)
}

// Pack lays a constant weight out for the matrix kernel.
func (c Conv) Pack(d *cpu.Device, x ...*tensor.Tensor) Op {
	w := at(x, 1)
	if w == nil || c.Norm != nil { // weights that learn are laid out anew each time
		return c
	}
	in := tensor.Shape{max(1, c.Hint[0]), w.Shape[1] * one(c.Group),
		max(c.Hint[1], (w.Shape[2]-1)*one(c.Dilations[0])+1), max(c.Hint[2], (w.Shape[3]-1)*one(c.Dilations[1])+1)}
	if t := at(x, 0); t != nil {
		in = t.Shape
	}
	c.packed = d.PackConv(c.Geometry(in, w.Shape), w.Data)
	return c
}

// Forward convolves. Without Pack before, it packs the weight on each call.
func (c Conv) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	s := c.Geometry(x[0].Shape, x[1].Shape)
	kernel, bias := x[1].Data, data(x, 2)
	if c.Norm != nil {
		kernel, bias = c.Norm.fold(d, d.Spare(len(kernel)+s.K), kernel, bias)
	}
	e := cpu.Epilogue{Bias: bias, Lo: c.Lo, Hi: c.Hi, Clamp: c.Clamp}
	if c.Residual {
		e.Add = data(x, 3)
	}
	if c.packed == nil {
		d.ConvOnce(s, y.Data, x[0].Data, kernel, e)
		return
	}
	d.Conv(s, y.Data, x[0].Data, c.packed, e)
}

// Backward sets the gradients by input, weight, bias and residual.
func (c Conv) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	s := c.Geometry(x[0].Shape, x[1].Shape)
	g := dy.Data
	spare := d.Spare(c.spare(s, true))
	if c.Clamp {
		g, spare = spare[:len(g)], spare[len(g):]
		d.ClampGrad(g, dy.Data, y.Data, c.Lo, c.Hi)
	}
	if t := at(dx, 0); t != nil {
		kernel := x[1].Data
		if c.Norm != nil {
			kernel, _ = c.Norm.fold(d, spare, kernel, data(x, 2))
		}
		d.ConvGradInput(s, t.Data, g, kernel)
	}
	if t := at(dx, 1); t != nil {
		d.ConvGradWeight(s, t.Data, data(dx, 2), g, x[0].Data)
	} else if b := at(dx, 2); b != nil {
		channelSums(d, b.Data, g, s.N, s.K, s.OH*s.OW)
	}
	if c.Norm != nil {
		for _, t := range dx[1:min(3, len(dx))] {
			if t != nil {
				c.Norm.scale(d, t.Data, t.Data)
			}
		}
	}
	if t := at(dx, 3); t != nil && c.Residual {
		copy(t.Data, g)
	}
}

// spare is how many numbers Forward and Backward keep beside the kernels: the
// weights and bias with Norm in them and, backwards, dy behind the clamp.
func (c Conv) spare(s cpu.ConvShape, back bool) (n int) {
	if c.Norm != nil {
		n = s.K*(s.C/s.Groups)*s.R*s.S + s.K
	}
	if back && c.Clamp {
		n += s.N * s.K * s.OH * s.OW
	}
	return n
}

// Scratch is that of the kernels and of weights that are laid out at each call.
func (c Conv) Scratch(d *cpu.Device, grad []bool, in ...tensor.Shape) cpu.Scratch {
	s := c.Geometry(in[0], in[1])
	all := d.ConvOnceScratch(s).Or(cpu.SpareScratch(c.spare(s, grad != nil)))
	if at(grad, 0) {
		all = all.Or(d.ConvGradInputScratch(s))
	}
	if at(grad, 1) {
		all = all.Or(d.ConvGradWeightScratch(s))
	}
	return all
}

func (c Conv) window(w tensor.Shape) window {
	return window{kernel: [2]int{w[2], w[3]}, strides: c.Strides, dilations: c.Dilations, pads: c.Pads, autoPad: c.AutoPad}
}

// Geometry is what the kernels want to know; the shapes have passed Shape.
func (c Conv) Geometry(x, w tensor.Shape) cpu.ConvShape {
	f, _ := c.window(w).over(x[2], x[3])
	return cpu.ConvShape{
		N: x[0], C: x[1], H: x[2], W: x[3], K: w[0], R: w[2], S: w[3], OH: f.oh, OW: f.ow,
		// A stride beyond the padded image is never taken, but kernels lay memory out by it.
		StrideH: min(one(c.Strides[0]), x[2]+f.top+f.bottom), StrideW: min(one(c.Strides[1]), x[3]+f.left+f.right), PadTop: f.top, PadLeft: f.left,
		DilationH: one(c.Dilations[0]), DilationW: one(c.Dilations[1]), Groups: one(c.Group),
	}
}

// channelSums sets sum[c] to the sum over n and the plane of x (n,channels,plane).
func channelSums(d *cpu.Device, sum, x []float32, n, channels, plane int) {
	rows(d, channels, n*plane, func(lo, hi int) {
		for c := lo; c < hi; c++ {
			total := 0.0
			for i := range n {
				for _, v := range x[(i*channels+c)*plane:][:plane] {
					total += float64(v)
				}
			}
			sum[c] = float32(total)
		}
	})
}
