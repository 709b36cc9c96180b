package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Squeeze drops the given axes, all of length 1; with nil Axes, every axis of length 1.
type Squeeze struct{ Axes []int }

func parseSqueeze(r *reader) (Op, []int) { return Squeeze{Axes: r.axes()}, r.all(1) }

// Kind is "Squeeze".
func (Squeeze) Kind() string { return "Squeeze" }

// Shape is x's without the axes.
func (s Squeeze) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	drop, err := axisSet(s.Axes, len(in[0]))
	if err != nil {
		return nil, fmt.Errorf("input %v: %w", in[0], err)
	}
	y := tensor.Shape{}
	for i, n := range in[0] {
		switch {
		case drop[i] && n != 1:
			return nil, fmt.Errorf("axes %v: axis %d of input %v is not 1", s.Axes, i, in[0])
		case !drop[i] && (s.Axes != nil || n != 1):
			y = append(y, n)
		}
	}
	return y, nil
}

// Forward copies.
func (Squeeze) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	copyData(y, x[0])
}

// Backward copies.
func (Squeeze) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	copyData(dx[0], dy)
}
