package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// broadcast returns the common shape of a and b by ONNX's (NumPy's) rule:
// aligned at the last axis, an axis of 1 is repeated.
func broadcast(a, b tensor.Shape) (tensor.Shape, error) {
	y := make(tensor.Shape, max(len(a), len(b)))
	for i := range y {
		p, q := axisAt(a, i, len(y)), axisAt(b, i, len(y))
		if p != q && p != 1 && q != 1 {
			return nil, fmt.Errorf("shapes %v and %v do not broadcast: axis %d is %d and %d", a, b, i-len(y), p, q)
		}
		y[i] = p
		if p == 1 {
			y[i] = q
		}
	}
	return sized(y)
}

// axisAt is axis i of s padded with leading ones to rank axes.
func axisAt(s tensor.Shape, i, rank int) int {
	if i -= rank - len(s); i >= 0 {
		return s[i]
	}
	return 1
}

// binaryShape is the Shape of the two-input elementwise operators.
func binaryShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 2, 2); err != nil {
		return nil, err
	}
	return broadcast(in[0], in[1])
}

// plan says how to step through y, a and b together: axes that all three run
// through alike are merged, and the last one is the row that kernels see.
type plan struct {
	rank         int // axes outside the row
	dim          [maxRank]int
	sa, sb       [maxRank]int // strides in elements, 0 where repeated
	count, width int          // rows, elements in a row
	wa, wb       int          // elements of a and b in a row: width, or 1 when repeated
}

// newPlan merges axes from the innermost outwards.
func newPlan(y, a, b tensor.Shape) (p plan) {
	type axis struct {
		n      int
		ra, rb bool // runs through a, b
	}
	var merged [maxRank + 1]axis // innermost first
	last := 0
	merged[0] = axis{n: 1, ra: true, rb: true}
	for i := len(y) - 1; i >= 0; i-- {
		if y[i] == 1 {
			continue
		}
		e := axis{y[i], axisAt(a, i, len(y)) != 1, axisAt(b, i, len(y)) != 1}
		m := &merged[last]
		switch {
		case m.n == 1:
			*m = e
		case m.ra == e.ra && m.rb == e.rb:
			m.n *= e.n
		default:
			last++
			merged[last] = e
		}
	}
	p.width, p.count, p.rank = merged[0].n, 1, last
	p.wa, p.wb = 1, 1
	if merged[0].ra {
		p.wa = p.width
	}
	if merged[0].rb {
		p.wb = p.width
	}
	na, nb := p.wa, p.wb
	for i := 1; i <= last; i++ {
		m, o := merged[i], last-i
		p.dim[o] = m.n
		p.count *= m.n
		if m.ra {
			p.sa[o] = na
			na *= m.n
		}
		if m.rb {
			p.sb[o] = nb
			nb *= m.n
		}
	}
	return p
}

// offsets returns where row i begins in a and in b.
func (p *plan) offsets(i int) (a, b int) {
	for o := p.rank - 1; o >= 0; o-- {
		j := i % p.dim[o]
		i /= p.dim[o]
		a += j * p.sa[o]
		b += j * p.sb[o]
	}
	return a, b
}

// walk calls f for every row of y with the rows of a and b that belong to it;
// a row of length 1 is to be repeated. y may share its data with an input of the same shape.
func walk(d *cpu.Device, y, a, b *tensor.Tensor, f func(y, a, b []float32)) {
	l := rowLoop{newPlan(y.Shape, a.Shape, b.Shape), y.Data, a.Data, b.Data, f}
	if l.count == 1 { // cut the row
		cpu.Split(d, l.width, grain, partLoop(l))
		return
	}
	forward(d, l.count, l.width, l)
}

// rowLoop runs over the rows of a plan.
type rowLoop struct {
	plan
	y, a, b []float32
	f       func(y, a, b []float32)
}

// Run does rows lo … hi-1.
func (l rowLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		ia, ib := l.offsets(i)
		l.f(l.y[i*l.width:][:l.width], l.a[ia:][:l.wa], l.b[ib:][:l.wb])
	}
}

// partLoop runs over the elements of the only row.
type partLoop rowLoop

// Run does elements lo … hi-1.
func (l partLoop) Run(lo, hi int) {
	l.f(l.y[lo:hi], part(l.a, l.wa, lo, hi), part(l.b, l.wb, lo, hi))
}

// part is elements lo … hi of a row of w elements, or its single element.
func part(x []float32, w, lo, hi int) []float32 {
	if w == 1 {
		return x[:1]
	}
	return x[lo:hi]
}

// reduceTo sets dx, of a shape that broadcasts to dy's, by calling f for every
// row of dy: f adds to dx's row, of which a single number stands for a repeated
// row. other, which may be nil, is the second operand, broadcast likewise.
func reduceTo(dx, other, dy *tensor.Tensor, f func(dx, other, dy []float32)) {
	clear(dx.Data)
	if other == nil {
		other = dy
	}
	p := newPlan(dy.Shape, dx.Shape, other.Shape)
	for i := range p.count {
		ia, ib := p.offsets(i)
		f(dx.Data[ia:][:p.wa], other.Data[ib:][:p.wb], dy.Data[i*p.width:][:p.width])
	}
}

// sumRow adds dy to dx.
func sumRow(dx, _, dy []float32) {
	if len(dx) == len(dy) {
		for i, g := range dy {
			dx[i] += g
		}
		return
	}
	total := 0.0
	for _, g := range dy {
		total += float64(g)
	}
	dx[0] += float32(total)
}
