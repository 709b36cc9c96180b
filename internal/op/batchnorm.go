package op

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// BatchNorm is ONNX BatchNormalization at inference. Inputs: x (N,C,…), scale
// (C), bias (C), mean (C), variance (C). y = (x-mean)/sqrt(variance+Epsilon)·scale + bias.
// y may share x's data.
type BatchNorm struct{ Epsilon float32 }

// parseBatchNorm refuses nodes that are to use the statistics of the batch.
func parseBatchNorm(r *reader) (Op, []int) {
	if r.flag("training_mode") {
		r.fail("training_mode is 1, wanted a network in evaluation mode")
	}
	for i, o := range r.node.Outputs {
		if i > 0 && o != "" {
			r.fail("has %d outputs, as in training, wanted a network in evaluation mode", len(r.node.Outputs))
		}
	}
	if r.opset < 9 && r.int("spatial", 1) != 1 {
		r.fail("attribute spatial is %d, wanted 1", r.int("spatial", 1))
	}
	b := BatchNorm{Epsilon: r.float("epsilon", 1e-5)}
	if b.Epsilon < 0 {
		r.fail("attribute epsilon is %g, wanted none below 0", b.Epsilon)
	}
	return b, r.all(5)
}

// Kind is "BatchNormalization".
func (BatchNorm) Kind() string { return "BatchNormalization" }

// Shape is x's.
func (b BatchNorm) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 5, 5); err != nil {
		return nil, err
	}
	if len(in[0]) < 2 {
		return nil, fmt.Errorf("input %v wants at least 2 axes (N,C,…)", in[0])
	}
	for i, name := range []string{"scale", "bias", "mean", "variance"} {
		if s := in[i+1]; len(s) != 1 || s[0] != in[0][1] {
			return nil, fmt.Errorf("input %v wants a %s (%d), it is %v", in[0], name, in[0][1], s)
		}
	}
	return in[0].Clone(), nil
}

// Forward applies one factor and one offset per channel, both made in float64.
func (b BatchNorm) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	channels, plane := planes(x[0].Shape)
	forward(d, x[0].Shape[0]*channels, plane, batchNormLoop{b, channels, plane, y.Data, x})
}

// batchNormLoop runs over the planes (H,W) of all images.
type batchNormLoop struct {
	BatchNorm
	channels, plane int
	y               []float32
	x               []*tensor.Tensor
}

// Run does planes lo … hi-1.
func (l batchNormLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		c := i % l.channels
		f := float64(l.x[1].Data[c]) * l.inverse(l.x[4].Data[c])
		factor, offset := float32(f), float32(float64(l.x[2].Data[c])-f*float64(l.x[3].Data[c]))
		y, x := l.y[i*l.plane:][:l.plane], l.x[0].Data[i*l.plane:][:l.plane]
		for j, v := range x {
			y[j] = v*factor + offset
		}
	}
}

// Backward treats the statistics as constants, as fine-tuning does: the
// gradients by mean and variance are 0.
func (b BatchNorm) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	n := x[0].Shape[0]
	channels, plane := planes(x[0].Shape)
	rows(d, channels, n*plane, func(lo, hi int) {
		for c := lo; c < hi; c++ {
			b.channelGrad(c, n, channels, plane, dx, dy.Data, x)
		}
	})
	for i := 3; i < len(dx); i++ {
		if dx[i] != nil {
			clear(dx[i].Data)
		}
	}
}

// channelGrad sets the gradients of channel c.
func (b BatchNorm) channelGrad(c, n, channels, plane int, dx []*tensor.Tensor, dy []float32, x []*tensor.Tensor) {
	inverse, mean := b.inverse(x[4].Data[c]), float64(x[3].Data[c])
	factor := float32(float64(x[1].Data[c]) * inverse)
	sum, dot := 0.0, 0.0
	for i := range n {
		from := (i*channels + c) * plane
		dy, xs := dy[from:][:plane], x[0].Data[from:][:plane]
		for j, g := range dy {
			sum += float64(g)
			dot += float64(g) * (float64(xs[j]) - mean)
		}
		if t := at(dx, 0); t != nil {
			t := t.Data[from:][:plane]
			for j, g := range dy {
				t[j] = g * factor
			}
		}
	}
	if t := at(dx, 1); t != nil {
		t.Data[c] = float32(dot * inverse)
	}
	if t := at(dx, 2); t != nil {
		t.Data[c] = float32(sum)
	}
}

// inverse is 1/sqrt(variance+Epsilon).
func (b BatchNorm) inverse(variance float32) float64 {
	return 1 / math.Sqrt(float64(variance)+float64(b.Epsilon))
}

// planes returns the channels of x (N,C,…) and the elements of one channel.
func planes(x tensor.Shape) (channels, plane int) { return x[1], x[2:].Size() }
