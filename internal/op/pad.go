package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Pad adds elements before and after each axis, or takes them away where a
// number is negative. Pads has the number before for every axis, then the
// number after for every axis. Mode is "constant" (or empty), "reflect",
// "edge" or "wrap".
type Pad struct {
	Pads  []int
	Mode  string
	Value float32 // of constant
}

// parsePad reads attributes before opset 11, inputs (pads, value, axes) from then on.
func parsePad(r *reader) (Op, []int) {
	p := Pad{Pads: r.ints("pads"), Mode: r.str("mode", "constant"), Value: attr(r, "value", float32(0))} // which may be infinite
	if r.opset >= 11 {
		p.Pads, p.Value = r.intsAt(1, "pads"), r.floatAt(2, "constant_value", 0)
		if axes := r.intsAt(3, "axes"); axes != nil {
			p.Pads = r.spread(p.Pads, axes)
		}
	}
	if p.Pads == nil {
		r.fail("pads are missing")
	}
	return p, r.all(1)
}

// spread puts the pads of the named axes among zeros for all axes.
func (r *reader) spread(pads, axes []int) []int {
	rank := len(r.shape(0))
	all := make([]int, 2*rank)
	if len(pads) != 2*len(axes) {
		r.fail("pads %v want two numbers for each of axes %v", pads, axes)
		return all
	}
	if _, err := axisSet(axes, rank); err != nil {
		r.fail("axes %v: %w", axes, err)
		return all
	}
	for i, a := range axes {
		a, _ = axisOf(a, rank)
		all[a], all[a+rank] = pads[i], pads[i+len(axes)]
	}
	return all
}

// Kind is "Pad".
func (Pad) Kind() string { return "Pad" }

// Shape is x's with the pads added.
func (p Pad) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	x := in[0]
	if len(p.Pads) != 2*len(x) {
		return nil, fmt.Errorf("pads %v want %d numbers for input %v", p.Pads, 2*len(x), x)
	}
	y := x.Clone()
	for i := range y {
		before, after := p.Pads[i], p.Pads[i+len(x)]
		if y[i] += before + after; y[i] < 0 || before < -x[i] || after < -x[i] {
			return nil, fmt.Errorf("pads %v take away more than input %v has", p.Pads, x)
		}
		switch p.Mode {
		case "", "constant":
		case "reflect":
			if max(before, after) >= max(1, x[i]) {
				return nil, fmt.Errorf("pads %v must be smaller than input %v to reflect it", p.Pads, x)
			}
		case "edge", "wrap":
			if x[i] == 0 && y[i] > 0 {
				return nil, fmt.Errorf("pads %v have nothing to repeat in input %v", p.Pads, x)
			}
		default:
			return nil, fmt.Errorf("mode %q, wanted constant, reflect, edge or wrap", p.Mode)
		}
	}
	return sized(y)
}

// Forward copies and fills.
func (p Pad) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	outer, inner := lines(y.Shape)
	forward(d, outer, inner, padLoop{p, y, x[0]})
}

// padLoop runs over the lines along y's last axis.
type padLoop struct {
	Pad
	y, x *tensor.Tensor
}

// Run does lines lo … hi-1.
func (l padLoop) Run(lo, hi int) {
	_, inner := lines(l.y.Shape)
	_, width := lines(l.x.Shape)
	before := l.before()
	for row := lo; row < hi; row++ {
		out, from := l.y.Data[row*inner:][:inner], l.line(row, l.y.Shape, l.x.Shape)
		for k := range out {
			s := -1
			if from >= 0 {
				s = l.source(k-before, width)
			}
			if s < 0 {
				out[k] = l.Value
			} else {
				out[k] = l.x.Data[from+s]
			}
		}
	}
}

// Backward adds each element of dy to the element of dx that it was copied from.
func (p Pad) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	clear(dx[0].Data)
	outer, inner := lines(dy.Shape)
	_, width := lines(x[0].Shape)
	before := p.before()
	for row := range outer {
		from := p.line(row, dy.Shape, x[0].Shape)
		if from < 0 {
			continue
		}
		for k, g := range dy.Data[row*inner:][:inner] {
			if s := p.source(k-before, width); s >= 0 {
				dx[0].Data[from+s] += g
			}
		}
	}
}

// lines returns how many lines along its last axis s has, and how long they are.
func lines(s tensor.Shape) (outer, inner int) {
	if len(s) == 0 {
		return 1, 1
	}
	return s[:len(s)-1].Size(), s[len(s)-1]
}

// before is the padding in front of the last axis.
func (p Pad) before() int {
	if len(p.Pads) == 0 {
		return 0
	}
	return p.Pads[len(p.Pads)/2-1]
}

// line returns where the line of x begins that line row of y shows, -1 for none.
func (p Pad) line(row int, y, x tensor.Shape) (from int) {
	step := 1
	if len(x) > 0 {
		step = x[len(x)-1]
	}
	for a := len(y) - 2; a >= 0; a-- {
		s := p.source(row%y[a]-p.Pads[a], x[a])
		if s < 0 {
			return -1
		}
		from += s * step
		row /= y[a]
		step *= x[a]
	}
	return from
}

// source maps place i on an axis of n elements, which may lie outside, to the
// element to show there, -1 for none.
func (p Pad) source(i, n int) int {
	if i >= 0 && i < n {
		return i
	}
	switch p.Mode {
	case "edge":
		return min(max(i, 0), n-1)
	case "wrap":
		return (i%n + n) % n
	case "reflect":
		if i < 0 {
			return -i
		}
		return 2*(n-1) - i
	}
	return -1
}
