package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Transpose permutes axes: axis i of the output is axis Perm[i] of the input.
// A nil Perm reverses them.
type Transpose struct{ Perm []int }

// Kind is "Transpose".
func (Transpose) Kind() string { return "Transpose" }

// Shape is x's, permuted.
func (t Transpose) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	rank := len(in[0])
	if t.Perm != nil && len(t.Perm) != rank {
		return nil, fmt.Errorf("perm %v wants %d axes, input is %v", t.Perm, len(t.Perm), in[0])
	}
	if _, err := axisSet(t.Perm, rank); err != nil {
		return nil, fmt.Errorf("perm %v: %w", t.Perm, err)
	}
	y := make(tensor.Shape, rank)
	for i := range y {
		y[i] = in[0][t.from(i, rank)]
	}
	return y, nil
}

// Forward gathers.
func (t Transpose) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	t.move(d, y, x[0], false)
}

// Backward scatters.
func (t Transpose) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] != nil {
		t.move(d, dy, dx[0], true)
	}
}

// from is the input axis of output axis i.
func (t Transpose) from(i, rank int) int {
	if t.Perm == nil {
		return rank - 1 - i
	}
	if p := t.Perm[i]; p >= 0 {
		return p
	}
	return t.Perm[i] + rank
}

// move copies x to y or, with back, y to x.
func (t Transpose) move(d *cpu.Device, y, x *tensor.Tensor, back bool) {
	l := transposeLoop{y: y, x: x, back: back}
	for i := range y.Shape {
		l.step[i] = x.Shape[t.from(i, len(y.Shape))+1:].Size()
	}
	outer, inner := lines(y.Shape)
	forward(d, outer, inner, l)
}

// transposeLoop runs over the lines along y's last axis.
type transposeLoop struct {
	y, x *tensor.Tensor
	step [maxRank]int // of y's axes in x
	back bool
}

// Run does lines lo … hi-1.
func (l transposeLoop) Run(lo, hi int) {
	shape := l.y.Shape
	_, inner := lines(shape)
	last := max(0, len(shape)-1)
	for row := lo; row < hi; row++ {
		i, rest := 0, row
		for a := last - 1; a >= 0; a-- {
			i += rest % shape[a] * l.step[a]
			rest /= shape[a]
		}
		l.line(l.y.Data[row*inner:][:inner], i, l.step[last])
	}
}

// line copies between y and the elements of x from i, step apart.
func (l transposeLoop) line(y []float32, i, step int) {
	if l.back {
		for k, g := range y {
			l.x.Data[i+k*step] = g
		}
		return
	}
	for k := range y {
		y[k] = l.x.Data[i+k*step]
	}
}
