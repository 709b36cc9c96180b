package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// PRelu is x where x ≥ 0, else slope·x. The slope is repeated along axes of x
// as NumPy does, often (C,1,1). y may share x's data.
type PRelu struct{}

// Kind is "PRelu".
func (PRelu) Kind() string { return "PRelu" }

// Shape is x's; the slope may not make it larger.
func (PRelu) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	s, err := binaryShape(in)
	if err == nil && !s.Equal(in[0]) {
		err = fmt.Errorf("slope %v does not repeat to the input's shape %v", in[1], in[0])
	}
	return s, err
}

// Forward sets y = x or slope·x.
func (PRelu) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	walk(d, y, x[0], x[1], preluRow)
}

// preluRow sets y = x or slope·x, where the slope, or with it x, may be a
// single number.
func preluRow(y, x, slope []float32) {
	for i := range y {
		v := x[min(i, len(x)-1)]
		if v < 0 {
			v *= slope[min(i, len(slope)-1)]
		}
		y[i] = v
	}
}

// Backward is dy or slope·dy for x; for the slope it sums x·dy where x < 0 over
// the axes along which it was repeated.
func (PRelu) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	below := tensor.New(x[0].Shape...) // 1 where the slope counts
	for i, v := range x[0].Data {
		if v < 0 {
			below.Data[i] = 1
		}
	}
	if dx[0] != nil {
		walk(d, dx[0], below, x[1], factorRow)
		d.Mul(dx[0].Data, dx[0].Data, dy.Data)
	}
	if dx[1] != nil {
		d.Mul(below.Data, below.Data, x[0].Data)
		reduceTo(dx[1], below, dy, productRow)
	}
}

// factorRow sets y to the slope where it counts, else to 1.
func factorRow(y, below, slope []float32) {
	for i := range y {
		y[i] = 1
		if below[min(i, len(below)-1)] > 0 {
			y[i] = slope[min(i, len(slope)-1)]
		}
	}
}
