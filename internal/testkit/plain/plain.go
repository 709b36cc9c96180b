// Package plain computes what the differentiable operators of internal/op are
// defined to compute, in float64 and by the plainest loop there is. Tests take
// finite differences of it: a float32 forward pass leaves too few digits for
// them. Nothing of internal/op's arithmetic or geometry is used except the
// output's shape, which the operators' own tests check. Only tests import it.
package plain

import (
	"fmt"
	"slices"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// Array is float64 numbers in row-major order: len(Data) == Shape.Size().
type Array struct {
	Shape tensor.Shape
	Data  []float64
}

// New returns zeros.
func New(shape ...int) *Array {
	s := tensor.Shape(slices.Clone(shape))
	return &Array{s, make([]float64, s.Size())}
}

// Of copies t; a nil t stays nil.
func Of(t *tensor.Tensor) *Array {
	if t == nil {
		return nil
	}
	a := New(t.Shape...)
	for i, v := range t.Data {
		a.Data[i] = float64(v)
	}
	return a
}

// Float32 rounds the numbers.
func (a *Array) Float32() []float32 {
	out := make([]float32, len(a.Data))
	for i, v := range a.Data {
		out[i] = float32(v)
	}
	return out
}

// Forward is o's output; an omitted input is nil. It panics for an operator
// without a loop here and for shapes that o refuses: both are the test's mistake.
func Forward(o op.Op, x ...*Array) *Array {
	shapes := make([]tensor.Shape, len(x))
	for i, a := range x {
		if a != nil {
			shapes[i] = a.Shape
		}
	}
	shape, err := o.Shape(shapes...)
	if err != nil {
		panic(fmt.Sprintf("plain: %s %+v of %v: %v", o.Kind(), o, shapes, err))
	}
	y := New(shape...)
	switch o := o.(type) {
	case op.Add:
		broadcast(y, x, func(a, b float64) float64 { return a + b })
	case op.Sum:
		broadcast(y, x, func(a, b float64) float64 { return a + b })
	case op.Sub:
		broadcast(y, x, func(a, b float64) float64 { return a - b })
	case op.Mul:
		broadcast(y, x, func(a, b float64) float64 { return a * b })
	case op.PRelu:
		broadcast(y, x, func(v, slope float64) float64 {
			if v < 0 {
				return slope * v
			}
			return v
		})
	case op.Conv:
		conv(o, y, x)
	case op.Gemm:
		gemm(o, y, x)
	case op.MatMul:
		matmul(y, x[0], x[1])
	case op.MaxPool:
		maxPool(o, y, x[0])
	case op.AveragePool:
		averagePool(o, y, x[0])
	case op.GlobalAveragePool, op.GlobalMaxPool:
		globalPool(o, y, x[0])
	case op.BatchNorm:
		batchNorm(o, y, x)
	case op.Softmax:
		softmax(y, x[0], o.Axis, o.Flat, false)
	case op.LogSoftmax:
		softmax(y, x[0], o.Axis, o.Flat, true)
	case op.ReduceMean:
		reduceMean(o, y, x[0])
	case op.Transpose:
		transpose(o, y, x[0])
	case op.Pad:
		pad(o, y, x[0])
	case op.Concat:
		concat(o, y, x)
	case op.Flatten, op.Reshape, op.Squeeze, op.Unsqueeze, op.Identity, op.Dropout:
		copy(y.Data, x[0].Data)
	default:
		f := elementwise(o)
		for i, v := range x[0].Data {
			y.Data[i] = f(v)
		}
	}
	return y
}

// each calls f with the index of every element of an array of this shape, in
// row-major order. f must not keep it.
func each(s tensor.Shape, f func(i int, at []int)) {
	at := make([]int, len(s))
	for i := range s.Size() {
		f(i, at)
		for a := len(s) - 1; a >= 0; a-- {
			if at[a]++; at[a] < s[a] {
				break
			}
			at[a] = 0
		}
	}
}

// get is a's element at an index.
func (a *Array) get(at ...int) float64 { return a.Data[a.offset(at)] }

func (a *Array) offset(at []int) (i int) {
	for k, n := range a.Shape {
		i = i*n + at[k]
	}
	return i
}

// repeated is a's element at an index of a shape that a broadcasts to.
func (a *Array) repeated(at []int) float64 {
	i := 0
	for k, n := range a.Shape {
		j := at[len(at)-len(a.Shape)+k]
		if n == 1 {
			j = 0
		}
		i = i*n + j
	}
	return a.Data[i]
}

func broadcast(y *Array, x []*Array, f func(a, b float64) float64) {
	each(y.Shape, func(i int, at []int) {
		y.Data[i] = x[0].repeated(at)
		for _, b := range x[1:] {
			y.Data[i] = f(y.Data[i], b.repeated(at))
		}
	})
}

// one is v, or 1 where v is 0.
func one(v int) int { return max(v, 1) }
