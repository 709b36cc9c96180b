package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Mul is the product a * b with broadcasting in both directions.
// y may share the data of an input of its shape.
type Mul struct{}

// Kind is "Mul".
func (Mul) Kind() string { return "Mul" }

// Shape is the common shape of a and b.
func (Mul) Shape(in ...tensor.Shape) (tensor.Shape, error) { return binaryShape(in) }

// Forward sets y = a * b.
func (Mul) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	if x[0].Shape.Equal(x[1].Shape) {
		d.Mul(y.Data, x[0].Data, x[1].Data)
		return
	}
	walk(d, y, x[0], x[1], mulRow)
}

// mulRow sets y = a * b, where a or b may be a single number.
func mulRow(y, a, b []float32) {
	switch {
	case len(b) == len(y) && len(a) == len(y):
		for i := range y {
			y[i] = a[i] * b[i]
		}
	case len(a) == len(y):
		v := b[0]
		for i := range y {
			y[i] = a[i] * v
		}
	case len(b) == len(y):
		v := a[0]
		for i := range y {
			y[i] = v * b[i]
		}
	default:
		v := a[0] * b[0]
		for i := range y {
			y[i] = v
		}
	}
}

// Backward sums dy·b for a and dy·a for b over the axes along which each was repeated.
func (Mul) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	for i, t := range dx {
		if t != nil {
			reduceTo(t, x[1-i], dy, productRow)
		}
	}
}

// productRow adds dy·other to dx, where dx or other may be a single number.
func productRow(dx, other, dy []float32) {
	switch {
	case len(dx) == len(dy) && len(other) == len(dy):
		for i, g := range dy {
			dx[i] += g * other[i]
		}
	case len(dx) == len(dy):
		for i, g := range dy {
			dx[i] += g * other[0]
		}
	default:
		total := 0.0
		for i, g := range dy {
			total += float64(g) * float64(other[min(i, len(other)-1)])
		}
		dx[0] += float32(total)
	}
}
