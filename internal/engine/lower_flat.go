package engine

import (
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// lowerFlat runs operators that work number by number on blocks, where all
// inputs are maps of one shape and at least one is in blocks already.
func (x *plan) lowerFlat(n *graph.Node) bool {
	if !numberwise(n.Op) {
		return false
	}
	if unbounded(n.Op) && x.isMap(n.Out) && n.Out.Shape[1]%x.d.Lanes() != 0 {
		return false // a NaN in the lanes that nobody reads would reach others through their zero weights
	}
	any := false
	for _, v := range n.In {
		if !x.isMap(v) || !v.Shape.Equal(n.Out.Shape) {
			return false
		}
		any = any || x.blocked[v] != nil
	}
	if !any {
		return false
	}
	var in []*place
	for _, v := range n.In {
		in = append(in, x.asBlocked(v))
	}
	s := x.result(n, in...)
	for i, p := range in {
		if mayShare(n, i) {
			s.share(s.out, p)
		}
	}
	s.prepare = func() { x.flat(s, n.Op) }
	return true
}

// unbounded reports whether o can make NaN or infinity of what the lanes beyond
// the last channel hold: small finite numbers that began as zeros.
func unbounded(o op.Op) bool {
	switch o.(type) {
	case op.Div, op.Sqrt, op.Exp:
		return true
	}
	return false
}

// numberwise reports whether o computes each number from those at its place.
func numberwise(o op.Op) bool {
	switch o.(type) {
	case op.Relu, op.Clip, op.LeakyRelu, op.Sigmoid, op.HardSigmoid, op.HardSwish, op.Tanh,
		op.Elu, op.Exp, op.Neg, op.Softplus, op.Sqrt, op.Add, op.Sub, op.Mul, op.Div, op.Sum:
		return true
	}
	return false
}

// flat prepares s to call o block by block: images of other groups may lie
// between the blocks.
func (x *plan) flat(s *step, o op.Op) {
	type operands struct {
		y    *tensor.Tensor
		args []*tensor.Tensor
	}
	all := make([]operands, 1+len(x.alone)) // of the team and each stream
	for k := range all {
		all[k].y = &tensor.Tensor{Shape: tensor.Shape{0}}
		for range s.in {
			all[k].args = append(all[k].args, &tensor.Tensor{Shape: tensor.Shape{0}})
		}
	}
	s.run = func(r *runner, lo, n int) {
		y, args := all[r.number].y, all[r.number].args
		out := x.view(r, s.out, lo, n)
		size := n * out.H * out.W * out.Lanes
		y.Shape[0] = size
		for b := range (out.C + out.Lanes - 1) / out.Lanes {
			y.Data = out.Data[b*out.Stride:][:size]
			for i, p := range s.in {
				v := x.view(r, p, lo, n)
				args[i].Shape[0], args[i].Data = size, v.Data[b*v.Stride:][:size]
			}
			o.Forward(r.d, y, args...)
		}
	}
}

// lowerConcat joins channels where every input fills whole blocks.
func (x *plan) lowerConcat(n *graph.Node) bool {
	c, ok := n.Op.(op.Concat)
	if !ok || c.Axis != 1 && c.Axis != -3 || !x.isMap(n.Out) {
		return false
	}
	for _, v := range n.In {
		if !x.isMap(v) || v.Shape[1]%x.d.Lanes() != 0 || x.blocked[v] == nil {
			return false
		}
	}
	var in []*place
	for _, v := range n.In {
		in = append(in, x.blocked[v])
	}
	s := x.result(n, in...)
	s.prepare = func() {
		s.run = func(r *runner, lo, count int) {
			y, at := x.view(r, s.out, lo, count), 0
			for _, p := range in {
				part := x.view(r, p, lo, count)
				r.d.BlockCopy(y.Channels(at, part.C), part)
				at += part.C
			}
		}
	}
	return true
}
