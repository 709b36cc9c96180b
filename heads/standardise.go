package heads

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// standardise is y[n,c,…] = (x[n,c,…] - shift[c]) / scale[c].
type standardise struct{ shift, scale []float32 }

func newStandardise(channels int) *standardise {
	s := &standardise{shift: make([]float32, channels), scale: make([]float32, channels)}
	for i := range s.scale {
		s.scale[i] = 1
	}
	return s
}

// set copies mean and std; a std of 0 becomes 1.
func (o *standardise) set(mean, std []float32) {
	copy(o.shift, mean)
	copy(o.scale, std)
	for i, s := range o.scale {
		if s == 0 {
			o.scale[i] = 1
		}
	}
}

// Kind is not an ONNX operator: Nodes folds it into the next Dense.
func (*standardise) Kind() string { return "Standardise" }

// Shape is the input's.
func (o *standardise) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if len(in) != 1 || len(in[0]) < 2 || in[0][1] != len(o.shift) {
		return nil, fmt.Errorf("input is %v, want (N,%d,…)", in, len(o.shift))
	}
	return in[0], nil
}

// Forward computes.
func (o *standardise) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	o.rows(d, y, func(y []float32, c, at int) {
		m, s := o.shift[c], 1/o.scale[c]
		for i, v := range x[0].Data[at : at+len(y)] {
			y[i] = (v - m) * s
		}
	})
}

// Backward is dx = dy / scale.
func (o *standardise) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	o.rows(d, dx[0], func(dx []float32, c, at int) {
		s := 1 / o.scale[c]
		for i, v := range dy.Data[at : at+len(dx)] {
			dx[i] = v * s
		}
	})
}

// rows calls f for each item and channel with its part of y and where it starts.
func (o *standardise) rows(d *cpu.Device, y *tensor.Tensor, f func(part []float32, c, at int)) {
	n, channels := y.Shape[0], len(o.shift)
	plane := y.Shape[2:].Size()
	d.Parallel(n, func(i int) {
		for c := range channels {
			at := (i*channels + c) * plane
			f(y.Data[at:at+plane], c, at)
		}
	})
}
