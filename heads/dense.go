package heads

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// dense is y = x·wᵀ + b: x (N,…) read as (N,F), w (K,F), b (K) → y (N,K). As
// ONNX it is Flatten and Gemm with transB; here nothing is copied to flatten.
type dense struct{}

// Kind is ONNX's operator.
func (dense) Kind() string { return "Gemm" }

// Shape is (N,K).
func (dense) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if len(in) != 3 || len(in[0]) < 2 || len(in[1]) != 2 || !in[2].Equal(in[1][:1]) {
		return nil, fmt.Errorf("inputs are %v, want x (N,F), weight (K,F), bias (K)", in)
	}
	if f := in[0][1:].Size(); f != in[1][1] {
		return nil, fmt.Errorf("weight %v wants %d features, input %v has %d", in[1], in[1][1], in[0], f)
	}
	return tensor.Shape{in[0][0], in[1][0]}, nil
}

// Forward multiplies.
func (dense) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	n, k, f := x[0].Shape[0], x[1].Shape[0], x[1].Shape[1]
	if k == 1 {
		dots(d, y.Data, x[0].Data, x[1].Data, x[2].Data[0])
		return
	}
	d.Gemm(false, true, n, k, f, y.Data, x[0].Data, x[1].Data, cpu.GemmEpilogue{Bias: x[2].Data})
}

// Backward is dx = dy·w, dw = dyᵀ·x, db = Σ_n dy.
func (dense) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	n, k, f := x[0].Shape[0], x[1].Shape[0], x[1].Shape[1]
	if dx[0] != nil {
		d.Gemm(false, false, n, f, k, dx[0].Data, dy.Data, x[1].Data, cpu.GemmEpilogue{})
	}
	if dx[1] != nil && k == 1 {
		weightedSum(d, dx[1].Data, dy.Data, x[0].Data)
	} else if dx[1] != nil {
		d.Gemm(true, false, k, f, n, dx[1].Data, dy.Data, x[0].Data, cpu.GemmEpilogue{})
	}
	if dx[2] != nil {
		clear(dx[2].Data)
		for i, g := range dy.Data {
			dx[2].Data[i%k] += g
		}
	}
}

// dots is y[n] = Σ_f x[n,f]·w[f] + bias: one pass over x, with eight sums so
// that the additions overlap. A matrix kernel would copy x first.
func dots(d *cpu.Device, y, x, w []float32, bias float32) {
	f := len(w)
	d.Parallel(len(y), func(n int) {
		row := x[n*f : (n+1)*f]
		var s [8]float32
		i := 0
		for ; i+8 <= f; i += 8 {
			a, b := row[i:i+8:i+8], w[i:i+8:i+8]
			s[0] += a[0] * b[0]
			s[1] += a[1] * b[1]
			s[2] += a[2] * b[2]
			s[3] += a[3] * b[3]
			s[4] += a[4] * b[4]
			s[5] += a[5] * b[5]
			s[6] += a[6] * b[6]
			s[7] += a[7] * b[7]
		}
		for ; i < f; i++ {
			s[0] += row[i] * w[i]
		}
		y[n] = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])) + bias
	})
}

// weightedSum is dw[f] = Σ_n dy[n]·x[n,f], four rows at a time, in columns
// that a first-level cache holds.
func weightedSum(d *cpu.Device, dw, dy, x []float32) {
	const columns = 4096
	f, n := len(dw), len(dy)
	d.Parallel((f+columns-1)/columns, func(c int) {
		from, to := c*columns, min(f, (c+1)*columns)
		out := dw[from:to]
		clear(out)
		i := 0
		for ; i+4 <= n; i += 4 {
			addFour(out, dy[i:i+4], x[i*f+from:], x[(i+1)*f+from:], x[(i+2)*f+from:], x[(i+3)*f+from:])
		}
		for ; i < n; i++ {
			row := x[i*f+from : i*f+to]
			for j := range out {
				out[j] += dy[i] * row[j]
			}
		}
	})
}

// addFour is out += Σ g[i]·row i.
func addFour(out, g, r0, r1, r2, r3 []float32) {
	n := len(out)
	r0, r1, r2, r3 = r0[:n], r1[:n], r2[:n], r3[:n]
	g0, g1, g2, g3 := g[0], g[1], g[2], g[3]
	for j := range out {
		out[j] += (g0*r0[j] + g1*r1[j]) + (g2*r2[j] + g3*r3[j])
	}
}
