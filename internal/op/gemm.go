package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Gemm is ONNX Gemm: y (M,N) = Alpha·A'·B' + Beta·C, where A' (M,K) is a or
// its transpose, B' (K,N) is b or its transpose, and C may be omitted or
// broadcast to (M,N). The zero value is not useful: Alpha and Beta are 1 by default in files.
type Gemm struct {
	Alpha, Beta    float32
	TransA, TransB bool
}

func parseGemm(r *reader) (Op, []int) {
	return Gemm{
		Alpha: r.float("alpha", 1), Beta: r.float("beta", 1),
		TransA: r.flag("transA"), TransB: r.flag("transB"),
	}, r.all(3)
}

// Kind is "Gemm".
func (Gemm) Kind() string { return "Gemm" }

// Shape is (M,N).
func (g Gemm) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 2, 3); err != nil {
		return nil, err
	}
	if len(in[0]) != 2 || len(in[1]) != 2 {
		return nil, fmt.Errorf("inputs %v and %v want 2 axes each", in[0], in[1])
	}
	m, k, n := g.dims(in[0], in[1])
	if kb := in[1][0] + in[1][1] - n; kb != k {
		return nil, fmt.Errorf("weight %v (transB %t) wants %d features, input %v (transA %t) has %d", in[1], g.TransB, kb, in[0], g.TransA, k)
	}
	y := tensor.Shape{m, n}
	if has(in, 2) {
		if s, err := broadcast(y, in[2]); err != nil || !s.Equal(y) {
			return nil, fmt.Errorf("bias %v does not broadcast to the output %v", in[2], y)
		}
	}
	return sized(y)
}

// Forward multiplies.
func (g Gemm) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	m, k, n := g.dims(x[0].Shape, x[1].Shape)
	c := at(x, 2)
	var e cpu.GemmEpilogue
	simple := c != nil && g.Alpha == 1 && g.Beta == 1 && len(c.Data) == n && (n == 1 || c.Shape[len(c.Shape)-1] == n)
	if simple {
		e.Bias = c.Data
	}
	d.Gemm(g.TransA, g.TransB, m, n, k, y.Data, x[0].Data, x[1].Data, e)
	scale(y.Data, g.Alpha)
	if c != nil && !simple {
		g.addBias(y, c)
	}
}

// Backward sets the gradients by a, b and c.
func (g Gemm) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	m, k, n := g.dims(x[0].Shape, x[1].Shape)
	if da := at(dx, 0); da != nil {
		if g.TransA {
			d.Gemm(g.TransB, true, k, m, n, da.Data, x[1].Data, dy.Data, cpu.GemmEpilogue{})
		} else {
			d.Gemm(false, !g.TransB, m, k, n, da.Data, dy.Data, x[1].Data, cpu.GemmEpilogue{})
		}
		scale(da.Data, g.Alpha)
	}
	if db := at(dx, 1); db != nil {
		if g.TransB {
			d.Gemm(true, g.TransA, n, k, m, db.Data, dy.Data, x[0].Data, cpu.GemmEpilogue{})
		} else {
			d.Gemm(!g.TransA, false, k, n, m, db.Data, x[0].Data, dy.Data, cpu.GemmEpilogue{})
		}
		scale(db.Data, g.Alpha)
	}
	if dc := at(dx, 2); dc != nil {
		reduceTo(dc, nil, dy, sumRow)
		scale(dc.Data, g.Beta)
	}
}

// Scratch is that of the products.
func (g Gemm) Scratch(d *cpu.Device, grad []bool, in ...tensor.Shape) cpu.Scratch {
	m, k, n := g.dims(in[0], in[1])
	all := d.GemmScratch(g.TransA, g.TransB, m, n, k)
	switch {
	case at(grad, 0) && g.TransA:
		all = all.Or(d.GemmScratch(g.TransB, true, k, m, n))
	case at(grad, 0):
		all = all.Or(d.GemmScratch(false, !g.TransB, m, k, n))
	}
	switch {
	case at(grad, 1) && g.TransB:
		all = all.Or(d.GemmScratch(true, g.TransA, n, k, m))
	case at(grad, 1):
		all = all.Or(d.GemmScratch(!g.TransA, false, k, n, m))
	}
	return all
}

// dims returns M, K and N.
func (g Gemm) dims(a, b tensor.Shape) (m, k, n int) {
	m, k, n = a[0], a[1], b[1]
	if g.TransA {
		m, k = k, m
	}
	if g.TransB {
		n = b[0]
	}
	return m, k, n
}

// scale multiplies x by s.
func scale(x []float32, s float32) {
	if s == 1 {
		return
	}
	for i := range x {
		x[i] *= s
	}
}

// addBias adds Beta·c, which is broadcast, to y.
func (g Gemm) addBias(y, c *tensor.Tensor) {
	p := newPlan(y.Shape, y.Shape, c.Shape)
	for i := range p.count {
		_, from := p.offsets(i)
		c := c.Data[from:][:p.wb]
		for j := range p.width {
			y.Data[i*p.width+j] += g.Beta * c[min(j, p.wb-1)]
		}
	}
}
