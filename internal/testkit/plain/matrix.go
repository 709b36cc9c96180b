package plain

import (
	"math"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

func gemm(o op.Gemm, y *Array, x []*Array) {
	k := x[0].Shape[1]
	if o.TransA {
		k = x[0].Shape[0]
	}
	element := func(a *Array, transposed bool, i, j int) float64 {
		if transposed {
			return a.get(j, i)
		}
		return a.get(i, j)
	}
	each(y.Shape, func(i int, at []int) {
		sum := 0.0
		for j := range k {
			sum += element(x[0], o.TransA, at[0], j) * element(x[1], o.TransB, j, at[1])
		}
		y.Data[i] = float64(o.Alpha) * sum
		if len(x) > 2 && x[2] != nil {
			y.Data[i] += float64(o.Beta) * x[2].repeated(at)
		}
	})
}

// matmul is NumPy's: leading axes broadcast, a lone axis is a row or a column.
func matmul(y, a, b *Array) {
	full := y.Shape.Clone()
	if len(a.Shape) == 1 {
		a = &Array{tensor.Shape{1, a.Shape[0]}, a.Data}
		full = append(full[:len(full)-min(1, len(b.Shape)-1)].Clone(), append(tensor.Shape{1}, full[len(full)-min(1, len(b.Shape)-1):]...)...)
	}
	if len(b.Shape) == 1 {
		b = &Array{tensor.Shape{b.Shape[0], 1}, b.Data}
		full = append(full, 1)
	}
	last := len(full) - 1
	each(full, func(i int, at []int) {
		ia, ib := append([]int{}, at...), append([]int{}, at...)
		for k := range a.Shape[len(a.Shape)-1] {
			ia[last], ib[last-1] = k, k
			y.Data[i] += a.repeated(ia) * b.repeated(ib)
		}
	})
}

func batchNorm(o op.BatchNorm, y *Array, x []*Array) {
	each(y.Shape, func(i int, at []int) {
		c := at[1]
		y.Data[i] = (x[0].Data[i]-x[3].Data[c])/math.Sqrt(x[4].Data[c]+float64(o.Epsilon))*x[1].Data[c] + x[2].Data[c]
	})
}

// softmax normalises over the axis or, flat, over it and all that follow;
// with log it is the logarithm. The inputs are small enough for exp.
func softmax(y, x *Array, axis int, flat, log bool) {
	if axis < 0 {
		axis += len(x.Shape)
	}
	over := func(k int) bool { return k == axis || flat && k > axis }
	line := x.Shape.Clone()
	for k := range line {
		if over(k) {
			line[k] = 1
		}
	}
	sums := New(line...)
	place := func(at []int) (i int) {
		for k, n := range line {
			i = i*n + at[k]*min(1, n-1)
		}
		return i
	}
	each(x.Shape, func(i int, at []int) { sums.Data[place(at)] += math.Exp(x.Data[i]) })
	each(x.Shape, func(i int, at []int) {
		if y.Data[i] = math.Exp(x.Data[i]) / sums.Data[place(at)]; log {
			y.Data[i] = math.Log(y.Data[i])
		}
	})
}
