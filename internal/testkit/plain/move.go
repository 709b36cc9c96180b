package plain

import (
	"slices"

	"github.com/tlkit/tl/internal/op"
)

// reduceMean needs no look at DropDims: dropped axes of 1 move no element.
func reduceMean(o op.ReduceMean, y, x *Array) {
	kept := x.Shape.Clone()
	for k := range kept {
		named := slices.Contains(o.Axes, k) || slices.Contains(o.Axes, k-len(kept))
		if named || len(o.Axes) == 0 && !o.Noop {
			kept[k] = 1
		}
	}
	each(x.Shape, func(i int, at []int) {
		to := 0
		for k, n := range kept {
			to = to*n + at[k]*min(1, n-1)
		}
		y.Data[to] += x.Data[i] * float64(len(y.Data)) / float64(len(x.Data))
	})
}

func transpose(o op.Transpose, y, x *Array) {
	from := make([]int, len(x.Shape))
	each(y.Shape, func(i int, at []int) {
		for k := range at {
			axis := len(at) - 1 - k
			if o.Perm != nil {
				axis = o.Perm[k]
			}
			from[axis] = at[k]
		}
		y.Data[i] = x.get(from...)
	})
}

func pad(o op.Pad, y, x *Array) {
	from := make([]int, len(x.Shape))
	each(y.Shape, func(i int, at []int) {
		y.Data[i] = float64(o.Value)
		for k, n := range x.Shape {
			j := at[k] - o.Pads[k]
			switch o.Mode {
			case "edge":
				j = min(max(j, 0), n-1)
			case "wrap":
				j = (j + 8*n) % n
			case "reflect": // pads are smaller than n
				j = max(j, -j)
				j = min(j, 2*(n-1)-j)
			}
			if j < 0 || j >= n {
				return
			}
			from[k] = j
		}
		y.Data[i] = x.get(from...)
	})
}

func concat(o op.Concat, y *Array, x []*Array) {
	axis := o.Axis
	if axis < 0 {
		axis += len(y.Shape)
	}
	start := 0
	for _, a := range x {
		each(a.Shape, func(i int, at []int) {
			to := slices.Clone(at)
			to[axis] += start
			y.Data[y.offset(to)] = a.Data[i]
		})
		start += a.Shape[axis]
	}
}
