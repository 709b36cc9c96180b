package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Concat joins its inputs along Axis; all other axes are equal.
type Concat struct{ Axis int }

func parseConcat(r *reader) (Op, []int) {
	if _, ok := r.node.Attrs["axis"]; !ok {
		r.fail("attribute axis is missing")
	}
	return Concat{Axis: r.int("axis", 1)}, r.all(len(r.node.Inputs))
}

// Kind is "Concat".
func (Concat) Kind() string { return "Concat" }

// Shape is the first input's with the sum along Axis.
func (c Concat) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, max(1, len(in)), len(in)); err != nil {
		return nil, err
	}
	y := in[0].Clone()
	axis, err := axisOf(c.Axis, len(y))
	if err != nil {
		return nil, fmt.Errorf("input %v: %w", y, err)
	}
	for _, s := range in[1:] {
		if len(s) != len(y) {
			return nil, fmt.Errorf("inputs %v and %v want the same number of axes", in[0], s)
		}
		for i := range s {
			if i != axis && s[i] != y[i] {
				return nil, fmt.Errorf("inputs %v and %v differ at axis %d, joined along axis %d", in[0], s, i, axis)
			}
		}
		y[axis] += s[axis]
	}
	return sized(y)
}

// Forward copies each input to its place.
func (c Concat) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	c.pieces(d, y, x, x, false)
}

// Backward cuts dy.
func (c Concat) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	c.pieces(d, dy, dx, x, true)
}

// pieces copies each run of part to where it lies in the joined array y or,
// with cut, from there; parts that are nil are left out. x has the shapes of
// all parts.
func (c Concat) pieces(d *cpu.Device, y *tensor.Tensor, part, x []*tensor.Tensor, cut bool) {
	axis, _ := axisOf(c.Axis, len(y.Shape))
	outer, width := y.Shape[:axis].Size(), y.Shape[axis:].Size()
	from := 0
	for i, t := range x {
		n := t.Shape[axis:].Size()
		if p := part[i]; p != nil {
			forward(d, outer, n, concatLoop{y.Data, p.Data, from, width, n, cut})
		}
		from += n
	}
}

// concatLoop runs over the runs of one part: n elements each, which begin at
// from in a row of width elements of the joined array.
type concatLoop struct {
	whole, part    []float32
	from, width, n int
	cut            bool
}

// Run does runs lo … hi-1.
func (l concatLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		to, from := l.whole[i*l.width+l.from:][:l.n], l.part[i*l.n:][:l.n]
		if l.cut {
			to, from = from, to
		}
		copy(to, from)
	}
}
