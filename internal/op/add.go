package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Add is the sum a + b with broadcasting in both directions.
// y may share the data of an input of its shape.
type Add struct{}

// Kind is "Add".
func (Add) Kind() string { return "Add" }

// Shape is the common shape of a and b.
func (Add) Shape(in ...tensor.Shape) (tensor.Shape, error) { return binaryShape(in) }

// Forward sets y = a + b.
func (Add) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	if x[0].Shape.Equal(x[1].Shape) {
		d.Add(y.Data, x[0].Data, x[1].Data)
		return
	}
	walk(d, y, x[0], x[1], addRow)
}

// addRow sets y = a + b, where a or b may be a single number.
func addRow(y, a, b []float32) {
	switch {
	case len(b) == len(y) && len(a) == len(y):
		for i := range y {
			y[i] = a[i] + b[i]
		}
	case len(a) == len(y):
		v := b[0]
		for i := range y {
			y[i] = a[i] + v
		}
	case len(b) == len(y):
		v := a[0]
		for i := range y {
			y[i] = v + b[i]
		}
	default:
		v := a[0] + b[0]
		for i := range y {
			y[i] = v
		}
	}
}

// Backward sums dy over the axes along which each input was repeated.
func (Add) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	for _, t := range dx {
		if t != nil {
			reduceTo(t, nil, dy, sumRow)
		}
	}
}
