package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Flatten makes a matrix: the axes before Axis become rows, the rest columns.
// Files say 1 by default; a zero Axis gives one row.
type Flatten struct{ Axis int }

// Kind is "Flatten".
func (Flatten) Kind() string { return "Flatten" }

// Shape is (product of the axes before Axis, product of the rest).
func (f Flatten) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	rank, axis := len(in[0]), f.Axis
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis > rank {
		return nil, fmt.Errorf("axis %d is outside of input %v", f.Axis, in[0])
	}
	return tensor.Shape{in[0][:axis].Size(), in[0][axis:].Size()}, nil
}

// Forward copies.
func (Flatten) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	copyData(y, x[0])
}

// Backward copies.
func (Flatten) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	copyData(dx[0], dy)
}
