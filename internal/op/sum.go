package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Sum adds any number of inputs (at least one) with broadcasting.
type Sum struct{}

// Kind is "Sum".
func (Sum) Kind() string { return "Sum" }

// Shape is the common shape of all inputs.
func (Sum) Shape(in ...tensor.Shape) (y tensor.Shape, err error) {
	if err := wants(in, max(1, len(in)), len(in)); err != nil {
		return nil, err
	}
	y = in[0].Clone()
	for _, s := range in[1:] {
		if y, err = broadcast(y, s); err != nil {
			return nil, err
		}
	}
	return y, nil
}

// Forward adds from left to right.
func (Sum) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	clear(y.Data)
	for _, t := range x {
		walk(d, y, y, t, addRow)
	}
}

// Backward sums dy over the axes along which each input was repeated.
func (Sum) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	Add{}.Backward(d, dx, dy, y, x...)
}
