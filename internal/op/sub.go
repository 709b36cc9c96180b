package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Sub is the difference a - b with broadcasting in both directions.
// y may share the data of an input of its shape.
type Sub struct{}

// Kind is "Sub".
func (Sub) Kind() string { return "Sub" }

// Shape is the common shape of a and b.
func (Sub) Shape(in ...tensor.Shape) (tensor.Shape, error) { return binaryShape(in) }

// Forward sets y = a - b.
func (Sub) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	walk(d, y, x[0], x[1], subRow)
}

// subRow sets y = a - b, where a or b may be a single number.
func subRow(y, a, b []float32) {
	switch {
	case len(b) == len(y) && len(a) == len(y):
		for i := range y {
			y[i] = a[i] - b[i]
		}
	case len(a) == len(y):
		v := b[0]
		for i := range y {
			y[i] = a[i] - v
		}
	case len(b) == len(y):
		v := a[0]
		for i := range y {
			y[i] = v - b[i]
		}
	default:
		v := a[0] - b[0]
		for i := range y {
			y[i] = v
		}
	}
}

// Backward sums dy, negated for b, over the axes along which each input was repeated.
func (Sub) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	for i, t := range dx {
		if t != nil {
			reduceTo(t, nil, dy, sumRow)
			if i == 1 {
				scale(t.Data, -1)
			}
		}
	}
}
