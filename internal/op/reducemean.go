package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// ReduceMean is the mean over Axes, all axes when there are none (or none of
// them with Noop). DropDims takes the reduced axes away (keepdims 0); else
// they stay as 1.
type ReduceMean struct {
	Axes     []int
	DropDims bool
	Noop     bool
}

func parseReduceMean(r *reader) (Op, []int) {
	return ReduceMean{Axes: r.axes(), DropDims: r.int("keepdims", 1) == 0, Noop: r.flag("noop_with_empty_axes")}, r.all(1)
}

// Kind is "ReduceMean".
func (ReduceMean) Kind() string { return "ReduceMean" }

// Shape is x's with the reduced axes 1 or gone.
func (m ReduceMean) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	reduced, err := m.reduced(len(in[0]))
	if err != nil {
		return nil, fmt.Errorf("input %v: %w", in[0], err)
	}
	y := tensor.Shape{}
	for i, n := range in[0] {
		switch {
		case !reduced[i]:
			y = append(y, n)
		case n == 0:
			return nil, fmt.Errorf("input %v has nothing to average along axis %d", in[0], i)
		case !m.DropDims:
			y = append(y, 1)
		}
	}
	return y, nil
}

// reduced marks the axes that are averaged over.
func (m ReduceMean) reduced(rank int) ([maxRank]bool, error) {
	set, err := axisSet(m.Axes, rank)
	if len(m.Axes) == 0 && !m.Noop {
		for i := range rank {
			set[i] = true
		}
	}
	return set, err
}

// Forward averages; sums are float64.
func (m ReduceMean) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	kept, over := m.split(x[0].Shape)
	forward(d, len(y.Data), over.size(), meanLoop{kept, over, y.Data, x[0].Data})
}

// meanLoop runs over the means.
type meanLoop struct {
	kept, over axes
	y, x       []float32
}

// Run makes means lo … hi-1.
func (l meanLoop) Run(lo, hi int) {
	n := float64(l.over.size())
	for i := lo; i < hi; i++ {
		sum := 0.0
		l.over.each(l.kept.offset(i), func(at, count, step int) {
			for j := range count {
				sum += float64(l.x[at+j*step])
			}
		})
		l.y[i] = float32(sum / n)
	}
}

// Backward spreads dy evenly.
func (m ReduceMean) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	kept, over := m.split(x[0].Shape)
	n := over.size()
	rows(d, len(dy.Data), n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g := dy.Data[i] / float32(n)
			over.each(kept.offset(i), func(at, count, step int) {
				for j := range count {
					dx[0].Data[at+j*step] = g
				}
			})
		}
	})
}

// axes is some of an array's axes with their strides, outermost first.
type axes struct {
	rank   int
	n, str [maxRank]int
}

// split parts x's axes into those that are kept and those averaged over, of
// which neighbours are merged.
func (m ReduceMean) split(x tensor.Shape) (kept, over axes) {
	reduced, _ := m.reduced(len(x))
	for i, n := range x {
		step := x[i+1:].Size()
		if reduced[i] {
			over.add(n, step)
		} else {
			kept.add(n, step)
		}
	}
	return kept, over
}

func (a *axes) add(n, step int) {
	if last := a.rank - 1; last >= 0 && a.str[last] == n*step {
		a.n[last] *= n
		a.str[last] = step
		return
	}
	a.n[a.rank], a.str[a.rank] = n, step
	a.rank++
}

func (a *axes) size() int {
	n := 1
	for _, d := range a.n[:a.rank] {
		n *= d
	}
	return n
}

// offset is the place of element i, counted over these axes.
func (a *axes) offset(i int) (at int) {
	for k := a.rank - 1; k >= 0; k-- {
		at += i % a.n[k] * a.str[k]
		i /= a.n[k]
	}
	return at
}

// each calls f for every line along the innermost axis, from base on.
func (a *axes) each(base int, f func(at, count, step int)) {
	if a.rank == 0 {
		f(base, 1, 1)
		return
	}
	count, step := a.n[a.rank-1], a.str[a.rank-1]
	for i := 0; i < a.size(); i += count {
		f(base+a.offset(i), count, step)
	}
}
