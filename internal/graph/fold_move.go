package graph

import (
	"fmt"
	"slices"

	"github.com/tlkit/tl/onnx"
)

// The folders in this file move numbers without changing them.

// foldConstant is a Constant node that the reader left as attributes.
func foldConstant(n *onnx.Node, _ []*constant) (*constant, error) {
	if t, ok := n.Attrs["value"].(*onnx.Tensor); ok {
		c, err := smallConstant(t)
		if c == nil && err == nil {
			err = fmt.Errorf("tensor of shape %v is larger than expected in a node", t.Shape)
		}
		return c, err
	}
	switch v := first(n.Attrs, "value_int", "value_ints", "value_float", "value_floats").(type) {
	case int64:
		return intConstant(nil, v), nil
	case []int64:
		return intConstant([]int64{int64(len(v))}, v...), nil
	case float32:
		return &constant{floats: []float32{v}}, nil
	case []float32:
		return &constant{shape: []int64{int64(len(v))}, floats: v}, nil
	}
	return nil, fmt.Errorf("has no tensor, number or list of numbers")
}

// first is the first attribute that is there.
func first(attrs map[string]any, names ...string) any {
	for _, name := range names {
		if v, ok := attrs[name]; ok {
			return v
		}
	}
	return nil
}

// foldConstantOfShape fills a shape with one value, 0 where none is given.
func foldConstantOfShape(n *onnx.Node, in []*constant) (*constant, error) {
	if len(in) != 1 || !in[0].isInt {
		return nil, fmt.Errorf("wants one integer input")
	}
	fill := &constant{floats: []float32{0}}
	if t, ok := n.Attrs["value"].(*onnx.Tensor); ok {
		c, err := smallConstant(t)
		if err != nil || c == nil || c.len() != 1 {
			return nil, fmt.Errorf("value must be one number")
		}
		fill = c
	}
	size, err := product(in[0].ints)
	if err != nil {
		return nil, err
	}
	return fill.take(in[0].ints, make([]int, size)), nil
}

// product is the number of elements of a shape, at most maxShapeMath.
func product(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > maxShapeMath || n*d > maxShapeMath {
			return 0, fmt.Errorf("shape %v is negative or too large for shape arithmetic", shape)
		}
		n *= d
	}
	return n, nil
}

// axis makes a possibly negative axis one in 0 … rank-1.
func axis(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside rank %d", a, rank)
	}
	return int(a), nil
}

// foldGather picks whole slices along an axis.
func foldGather(n *onnx.Node, in []*constant) (*constant, error) {
	if len(in) != 2 || in[1] == nil || !in[1].isInt {
		return nil, fmt.Errorf("wants data and integer indices")
	}
	x, at := in[0], in[1]
	a, err := axis(n.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	picks := make([]int64, len(at.ints))
	for i, v := range at.ints {
		if picks[i] = v; v < 0 {
			picks[i] = v + x.shape[a]
		}
		if picks[i] < 0 || picks[i] >= x.shape[a] {
			return nil, fmt.Errorf("index %d is outside %v", v, x.shape)
		}
	}
	shape := slices.Concat(x.shape[:a], at.shape, x.shape[a+1:])
	if _, err := product(shape); err != nil {
		return nil, err
	}
	return x.take(shape, pick(x.shape, a, picks)), nil
}

// pick lists the elements of a shape at the given positions of one axis.
func pick(shape []int64, a int, picks []int64) []int {
	outer, inner := int64(1), int64(1)
	for i, d := range shape {
		if i < a {
			outer *= d
		} else if i > a {
			inner *= d
		}
	}
	var index []int
	for o := range outer {
		for _, p := range picks {
			for i := range inner {
				index = append(index, int((o*shape[a]+p)*inner+i))
			}
		}
	}
	return index
}

// foldSlice cuts along axes; starts, ends, axes and steps are attributes
// before opset 10 and inputs from there on.
func foldSlice(n *onnx.Node, in []*constant) (*constant, error) {
	lists := [4][]int64{n.Ints("starts"), n.Ints("ends"), n.Ints("axes"), nil}
	for i := 1; i < len(in) && i <= 4; i++ {
		if in[i] != nil {
			lists[i-1] = in[i].ints
		}
	}
	starts, ends, axes, steps := lists[0], lists[1], lists[2], lists[3]
	if len(starts) != len(ends) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("starts %v, ends %v, axes %v and steps %v differ in length", starts, ends, axes, steps)
	}
	x := in[0]
	for i := range starts {
		a, step := int64(i), int64(1)
		if axes != nil {
			a = axes[i]
		}
		if steps != nil {
			step = steps[i]
		}
		ax, err := axis(a, len(x.shape))
		if err != nil {
			return nil, err
		}
		picks, err := sliceRange(starts[i], ends[i], step, x.shape[ax])
		if err != nil {
			return nil, err
		}
		shape := slices.Clone(x.shape)
		shape[ax] = int64(len(picks))
		x = x.take(shape, pick(x.shape, ax, picks))
	}
	return x, nil
}

// sliceRange lists the positions of start:end:step on an axis of length n.
func sliceRange(start, end, step, n int64) ([]int64, error) {
	var picks []int64
	switch {
	case step > 0:
		for i := clampIndex(start, n); i < clampIndex(end, n); i += min(step, n) {
			picks = append(picks, i)
		}
	case step < 0:
		last := int64(-1)
		if end >= -n {
			last = clampIndex(end, n)
		}
		for i := min(clampIndex(start, n), n-1); i > last; i += max(step, -n) {
			picks = append(picks, i)
		}
	default:
		return nil, fmt.Errorf("a step is 0")
	}
	return picks, nil
}

// foldConcat joins along an axis.
func foldConcat(n *onnx.Node, in []*constant) (*constant, error) {
	if slices.Contains(in, nil) || !n.Has("axis") {
		return nil, fmt.Errorf("wants an axis and no omitted input")
	}
	a, err := axis(n.Int("axis", 0), len(in[0].shape))
	if err != nil {
		return nil, err
	}
	all := &constant{isInt: in[0].isInt}
	shape, outer := slices.Clone(in[0].shape), int64(1)
	shape[a] = 0
	for _, d := range shape[:a] {
		outer *= d
	}
	for _, c := range in {
		same := slices.Clone(c.shape)
		if a < len(same) {
			same[a] = 0
		}
		rest := slices.Clone(shape)
		rest[a] = 0
		if c.isInt != all.isInt || !slices.Equal(same, rest) {
			return nil, fmt.Errorf("cannot join %v and %v along axis %d", in[0].shape, c.shape, a)
		}
		shape[a] += c.shape[a]
	}
	for o := range int(outer) {
		for _, c := range in {
			row := c.len() / int(max(outer, 1))
			if c.isInt {
				all.ints = append(all.ints, c.ints[o*row:(o+1)*row]...)
			} else {
				all.floats = append(all.floats, c.floats[o*row:(o+1)*row]...)
			}
		}
	}
	return all.reshaped(shape), nil
}

// foldReshape gives the numbers another shape.
func foldReshape(n *onnx.Node, in []*constant) (*constant, error) {
	if len(in) != 2 || in[1] == nil || !in[1].isInt {
		return nil, fmt.Errorf("wants data and an integer shape")
	}
	target, left := slices.Clone(in[1].ints), -1
	for i, t := range target {
		if t == 0 && n.Int("allowzero", 0) == 0 && i < len(in[0].shape) {
			target[i] = in[0].shape[i]
		} else if t == -1 {
			left, target[i] = i, 1
		}
	}
	known, err := product(target)
	if err != nil {
		return nil, err
	}
	if left >= 0 && known > 0 {
		target[left] = int64(in[0].len()) / known
		known *= target[left]
	}
	if known != int64(in[0].len()) {
		return nil, fmt.Errorf("cannot reshape %v to %v", in[0].shape, in[1].ints)
	}
	return in[0].reshaped(target), nil
}

// axesOf reads axes: an attribute before opset 13, an input from there on.
func axesOf(n *onnx.Node, in []*constant) []int64 {
	if len(in) > 1 && in[1] != nil {
		return in[1].ints
	}
	return n.Ints("axes")
}

// foldSqueeze drops axes of length 1; all of them where none is named.
func foldSqueeze(n *onnx.Node, in []*constant) (*constant, error) {
	drop := map[int]bool{}
	for _, v := range axesOf(n, in) {
		a, err := axis(v, len(in[0].shape))
		if err != nil {
			return nil, err
		}
		drop[a] = true
	}
	var shape []int64
	for i, d := range in[0].shape {
		switch {
		case drop[i] && d != 1:
			return nil, fmt.Errorf("axis %d of %v is not 1", i, in[0].shape)
		case drop[i] || len(drop) == 0 && d == 1:
		default:
			shape = append(shape, d)
		}
	}
	return in[0].reshaped(shape), nil
}

// foldUnsqueeze inserts axes of length 1.
func foldUnsqueeze(n *onnx.Node, in []*constant) (*constant, error) {
	axes := axesOf(n, in)
	rank := len(in[0].shape) + len(axes)
	fresh := map[int]bool{}
	for _, v := range axes {
		a, err := axis(v, rank)
		if err != nil || fresh[a] {
			return nil, fmt.Errorf("axes %v cannot be inserted into %v", axes, in[0].shape)
		}
		fresh[a] = true
	}
	var shape []int64
	for i, at := 0, 0; i < rank; i++ {
		if fresh[i] {
			shape = append(shape, 1)
		} else {
			shape = append(shape, in[0].shape[at])
			at++
		}
	}
	return in[0].reshaped(shape), nil
}
