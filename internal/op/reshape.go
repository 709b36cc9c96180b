package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Reshape gives x the shape To, where 0 keeps the input's axis (unless
// AllowZero) and one -1 is what remains.
type Reshape struct {
	To        []int
	AllowZero bool
}

// parseReshape reads the constant input shape.
func parseReshape(r *reader) (Op, []int) {
	to := r.intsAt(1, "shape")
	if to == nil && r.err == nil {
		to = r.ints("shape") // as before opset 5
	}
	if to == nil {
		r.fail("input 1 (shape) is missing")
	}
	return Reshape{To: to, AllowZero: r.flag("allowzero")}, r.all(1)
}

// Kind is "Reshape".
func (Reshape) Kind() string { return "Reshape" }

// Shape is To with 0 and -1 filled in.
func (o Reshape) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	y, rest := make(tensor.Shape, len(o.To)), -1
	for i, d := range o.To {
		switch {
		case d == -1 && rest < 0:
			rest, y[i] = i, 1
			continue
		case d < 0:
			return nil, fmt.Errorf("shape %v has more than one unknown axis or one below -1", o.To)
		case d == 0 && !o.AllowZero && i >= len(in[0]):
			return nil, fmt.Errorf("shape %v keeps axis %d, input is %v", o.To, i, in[0])
		case d == 0 && !o.AllowZero:
			d = in[0][i]
		}
		y[i] = d
	}
	if _, err := sized(y); err != nil {
		return nil, err
	}
	if n := y.Size(); rest >= 0 && n > 0 {
		y[rest] = in[0].Size() / n
	}
	if y.Size() != in[0].Size() {
		return nil, fmt.Errorf("shape %v wants %d elements, input %v has %d", o.To, y.Size(), in[0], in[0].Size())
	}
	return y, nil
}

// Forward copies.
func (Reshape) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	copyData(y, x[0])
}

// Backward copies.
func (Reshape) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	copyData(dx[0], dy)
}
