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
	d.Gemm(false, true, n, k, f, y.Data, x[0].Data, x[1].Data, cpu.GemmEpilogue{Bias: x[2].Data})
}

// Backward is dx = dy·w, dw = dyᵀ·x, db = Σ_n dy.
func (dense) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	n, k, f := x[0].Shape[0], x[1].Shape[0], x[1].Shape[1]
	if dx[0] != nil {
		d.Gemm(false, false, n, f, k, dx[0].Data, dy.Data, x[1].Data, cpu.GemmEpilogue{})
	}
	if dx[1] != nil {
		d.Gemm(true, false, k, f, n, dx[1].Data, dy.Data, x[0].Data, cpu.GemmEpilogue{})
	}
	if dx[2] != nil {
		clear(dx[2].Data)
		for i, g := range dy.Data {
			dx[2].Data[i%k] += g
		}
	}
}

// Scratch is that of the products.
func (dense) Scratch(d *cpu.Device, grad []bool, in ...tensor.Shape) cpu.Scratch {
	n, k, f := in[0][0], in[1][0], in[1][1]
	all := d.GemmScratch(false, true, n, k, f)
	if grad != nil && grad[0] {
		all = all.Or(d.GemmScratch(false, false, n, f, k))
	}
	if grad != nil && grad[1] {
		all = all.Or(d.GemmScratch(true, false, k, f, n))
	}
	return all
}
