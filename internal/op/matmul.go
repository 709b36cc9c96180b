package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// MatMul is the matrix product by NumPy's rules: a (…,M,K) · b (…,K,N) →
// (…,M,N) with the leading axes broadcast; an input with one axis is a row (a)
// or a column (b) whose axis the output drops.
type MatMul struct{}

// Kind is "MatMul".
func (MatMul) Kind() string { return "MatMul" }

// Shape is (…,M,N).
func (MatMul) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 2, 2); err != nil {
		return nil, err
	}
	if len(in[0]) == 0 || len(in[1]) == 0 {
		return nil, fmt.Errorf("inputs %v and %v want at least one axis", in[0], in[1])
	}
	a, b := matrices(in[0], in[1])
	m, k, n := a[len(a)-2], a[len(a)-1], b[len(b)-1]
	if b[len(b)-2] != k {
		return nil, fmt.Errorf("inputs %v and %v: the first has rows of %d, the second columns of %d", in[0], in[1], k, b[len(b)-2])
	}
	y, err := broadcast(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return nil, err
	}
	if len(in[0]) > 1 {
		y = append(y, m)
	}
	if len(in[1]) > 1 {
		y = append(y, n)
	}
	return sized(y)
}

// Forward multiplies, one product a batch.
func (MatMul) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	s := newBatches(y.Shape, x[0].Shape, x[1].Shape)
	for i := range s.count {
		a, b := s.operands(i, x[0].Data, x[1].Data)
		d.Gemm(false, false, s.m, s.n, s.k, y.Data[i*s.m*s.n:][:s.m*s.n], a, b, cpu.GemmEpilogue{})
	}
}

// Backward sets dA = dY·Bᵀ and dB = Aᵀ·dY, summed over repeated batches.
func (MatMul) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	s := newBatches(dy.Shape, x[0].Shape, x[1].Shape)
	for _, t := range dx {
		if t != nil {
			clear(t.Data)
		}
	}
	for i := range s.count {
		g := dy.Data[i*s.m*s.n:][:s.m*s.n]
		a, b := s.operands(i, x[0].Data, x[1].Data)
		da, db := s.operands(i, data(dx, 0), data(dx, 1))
		if da != nil {
			d.Gemm(false, true, s.m, s.k, s.n, da, g, b, cpu.GemmEpilogue{Accumulate: true})
		}
		if db != nil {
			d.Gemm(true, false, s.k, s.n, s.m, db, a, g, cpu.GemmEpilogue{Accumulate: true})
		}
	}
}

// Scratch is that of one product.
func (MatMul) Scratch(d *cpu.Device, grad []bool, in ...tensor.Shape) cpu.Scratch {
	a, b := matrices(in[0], in[1])
	m, k, n := a[len(a)-2], a[len(a)-1], b[len(b)-1]
	all := d.GemmScratch(false, false, m, n, k)
	if at(grad, 0) {
		all = all.Or(d.GemmScratch(false, true, m, k, n))
	}
	if at(grad, 1) {
		all = all.Or(d.GemmScratch(true, false, k, n, m))
	}
	return all
}

// matrices gives inputs with one axis their second.
func matrices(a, b tensor.Shape) (tensor.Shape, tensor.Shape) {
	if len(a) == 1 {
		a = tensor.Shape{1, a[0]}
	}
	if len(b) == 1 {
		b = tensor.Shape{b[0], 1}
	}
	return a, b
}

// batches is the products (m,k)·(k,n) that a MatMul consists of.
type batches struct {
	m, k, n, count int
	lead           plan // over the leading axes; a row of it is width products
}

func newBatches(y, a, b tensor.Shape) (s batches) {
	a, b = matrices(a, b)
	la, lb := a[:len(a)-2], b[:len(b)-2]
	s.m, s.k, s.n = a[len(a)-2], a[len(a)-1], b[len(b)-1]
	lead := y[:max(len(la), len(lb))]
	s.lead, s.count = newPlan(lead, la, lb), lead.Size()
	return s
}

// operands returns the matrices of product i; nil stays nil.
func (s *batches) operands(i int, a, b []float32) (am, bm []float32) {
	ia, ib := s.lead.offsets(i / s.lead.width)
	j := i % s.lead.width
	ia, ib = ia+min(j, s.lead.wa-1), ib+min(j, s.lead.wb-1)
	if a != nil {
		am = a[ia*s.m*s.k:][:s.m*s.k]
	}
	if b != nil {
		bm = b[ib*s.k*s.n:][:s.k*s.n]
	}
	return am, bm
}
