package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// grain is the number of elements that one parallel task of a plain loop
// handles: a few microseconds of work, far above the cost of handing it out.
const grain = 16 << 10

// maxElements bounds every shape that an operator accepts or makes, so that a
// file with absurd attributes ends in an error and not in an overflow.
const maxElements = 1 << 40

// maxKernel bounds the kernels of pools, whose loops have no weights to bound them.
const maxKernel = 1 << 12

// maxRank is the largest number of axes.
const maxRank = 8

// forward runs the loop of a Forward over [0, n) rows of the given width,
// about grain elements a piece. It allocates nothing.
func forward[L cpu.Loop](d *cpu.Device, n, width int, l L) {
	cpu.Split(d, n, max(1, grain/max(1, width)), l)
}

// elementwise calls f for pieces of y and x, step elements each, where f is a
// method of the operator o. It allocates nothing.
func elementwise[O Op](d *cpu.Device, step int, y, x *tensor.Tensor, o O, f func(o O, y, x []float32)) {
	cpu.Split(d, len(y.Data), step, elementLoop[O]{o, y.Data, x.Data, f})
}

type elementLoop[O Op] struct {
	o    O
	y, x []float32
	f    func(o O, y, x []float32)
}

// Run does elements lo … hi-1.
func (l elementLoop[O]) Run(lo, hi int) { l.f(l.o, l.y[lo:hi], l.x[lo:hi]) }

// chunks calls f over [0, n) in pieces of size step, with a closure: for
// Backward. The pieces depend only on n and step, so results are the same for
// any number of threads.
func chunks(d *cpu.Device, n, step int, f func(lo, hi int)) {
	if n <= step {
		if n > 0 {
			f(0, n)
		}
		return
	}
	d.Parallel((n+step-1)/step, func(i int) { f(i*step, min((i+1)*step, n)) })
}

// rows calls f over [0, n) rows of the given width, about grain elements a piece.
func rows(d *cpu.Device, n, width int, f func(lo, hi int)) {
	chunks(d, n, max(1, grain/max(1, width)), f)
}

// at returns x[i], or nil when it is omitted.
func at[T any](x []T, i int) (v T) {
	if i < len(x) {
		v = x[i]
	}
	return v
}

// data returns the numbers of x[i], or nil when it is omitted.
func data(x []*tensor.Tensor, i int) []float32 {
	if t := at(x, i); t != nil {
		return t.Data
	}
	return nil
}

// has reports whether shape i is present.
func has(in []tensor.Shape, i int) bool { return i < len(in) && in[i] != nil }

// wants checks that between least and most inputs are there, and that the
// first least of them are not omitted.
func wants(in []tensor.Shape, least, most int) error {
	if len(in) < least || len(in) > most {
		if least == most {
			return fmt.Errorf("wants %d inputs, got %d", least, len(in))
		}
		return fmt.Errorf("wants %d to %d inputs, got %d", least, most, len(in))
	}
	for i, s := range in {
		if i < least && s == nil {
			return fmt.Errorf("input %d is missing", i)
		}
		if _, err := sized(s); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	return nil
}

// sized returns s if its rank and its number of elements are within bounds.
func sized(s tensor.Shape) (tensor.Shape, error) {
	if len(s) > maxRank {
		return nil, fmt.Errorf("shape %v has %d axes, at most %d are supported", s, len(s), maxRank)
	}
	n := 1
	for _, d := range s {
		if d < 0 {
			return nil, fmt.Errorf("shape %v has a negative axis", s)
		}
		if d > 0 && n > maxElements/d {
			return nil, fmt.Errorf("shape %v is too large", s)
		}
		n *= max(d, 1)
	}
	return s, nil
}

// same is the Shape of operators that keep their only input's shape.
func same(in []tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	return in[0].Clone(), nil
}

// image checks that s is (N,C,H,W) with at least one element in each axis.
func image(s tensor.Shape) error {
	if len(s) != 4 {
		return fmt.Errorf("input %v wants 4 axes (N,C,H,W)", s)
	}
	for _, d := range s {
		if d < 1 {
			return fmt.Errorf("input %v has an empty axis", s)
		}
	}
	return nil
}

// axisOf turns a possibly negative axis into 0 … rank-1.
func axisOf(axis, rank int) (int, error) {
	if axis < -rank || axis >= rank {
		return 0, fmt.Errorf("axis %d is not one of the %d axes", axis, rank)
	}
	return (axis + rank) % rank, nil
}

// axisSet marks the given axes; each may be named once.
func axisSet(axes []int, rank int) (set [maxRank]bool, err error) {
	for _, a := range axes {
		if a, err = axisOf(a, rank); err != nil {
			return set, err
		}
		if set[a] {
			return set, fmt.Errorf("axis %d is named twice in %v", a, axes)
		}
		set[a] = true
	}
	return set, nil
}
