package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Unsqueeze inserts axes of length 1; Axes count in the output.
type Unsqueeze struct{ Axes []int }

func parseUnsqueeze(r *reader) (Op, []int) {
	u := Unsqueeze{Axes: r.axes()}
	if u.Axes == nil {
		r.fail("axes are missing")
	}
	return u, r.all(1)
}

// Kind is "Unsqueeze".
func (Unsqueeze) Kind() string { return "Unsqueeze" }

// Shape is x's with the axes inserted.
func (u Unsqueeze) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	y := make(tensor.Shape, len(in[0])+len(u.Axes))
	if _, err := sized(y); err != nil {
		return nil, err
	}
	add, err := axisSet(u.Axes, len(y))
	if err != nil {
		return nil, fmt.Errorf("output of %d axes: %w", len(y), err)
	}
	from := 0
	for i := range y {
		if add[i] {
			y[i] = 1
			continue
		}
		y[i] = in[0][from]
		from++
	}
	return y, nil
}

// Forward copies.
func (Unsqueeze) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	copyData(y, x[0])
}

// Backward copies.
func (Unsqueeze) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	copyData(dx[0], dy)
}
