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
	t.move(d, y.Shape, x[0].Shape, func(inner, j, i, step int) {
		y, x := y.Data[j:][:inner], x[0].Data
		for k := range y {
			y[k] = x[i+k*step]
		}
	})
}

// Backward scatters.
func (t Transpose) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	t.move(d, dy.Shape, x[0].Shape, func(inner, j, i, step int) {
		dx := dx[0].Data
		for k, g := range dy.Data[j:][:inner] {
			dx[i+k*step] = g
		}
	})
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

// move calls f for each line along the last axis of y: inner elements of y
// from j, which are those of x from i, step apart.
func (t Transpose) move(d *cpu.Device, y, x tensor.Shape, f func(inner, j, i, step int)) {
	rank := len(y)
	if rank == 0 {
		f(1, 0, 0, 1)
		return
	}
	var step [maxRank]int // of y's axes in x
	for i := range y {
		step[i] = x[t.from(i, rank)+1:].Size()
	}
	inner := y[rank-1]
	rows(d, y[:rank-1].Size(), inner, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			i, rest := 0, row
			for a := rank - 2; a >= 0; a-- {
				i += rest % y[a] * step[a]
				rest /= y[a]
			}
			f(inner, row*inner, i, step[rank-1])
		}
	})
}
