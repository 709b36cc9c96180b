package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Div is the quotient a / b with broadcasting in both directions.
// y may share the data of an input of its shape.
type Div struct{}

// Kind is "Div".
func (Div) Kind() string { return "Div" }

// Shape is the common shape of a and b.
func (Div) Shape(in ...tensor.Shape) (tensor.Shape, error) { return binaryShape(in) }

// Forward sets y = a / b.
func (Div) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	walk(d, y, x[0], x[1], divRow)
}

// divRow sets y = a / b, where a or b may be a single number.
func divRow(y, a, b []float32) {
	switch {
	case len(b) == len(y) && len(a) == len(y):
		for i := range y {
			y[i] = a[i] / b[i]
		}
	case len(a) == len(y):
		v := b[0]
		for i := range y {
			y[i] = a[i] / v
		}
	case len(b) == len(y):
		v := a[0]
		for i := range y {
			y[i] = v / b[i]
		}
	default:
		v := a[0] / b[0]
		for i := range y {
			y[i] = v
		}
	}
}
