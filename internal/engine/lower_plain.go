package engine

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// lowerPlain runs a node by its operator on the whole batch, in ONNX's order.
// A node that only changes the shape takes no step.
func (x *plan) lowerPlain(n *graph.Node) {
	in := make([]*place, len(n.In))
	for i, v := range n.In {
		if v != nil && v.Const == nil {
			in[i] = x.asPlain(v)
		}
	}
	p := x.place(n.Out.Shape, false)
	x.plain[n.Out] = p
	if isView(n) {
		p.view = in[0]
		return
	}
	s := &step{name: n.Name, kind: n.Op.Kind(), shape: n.Out.Shape, flops: graph.Flops(n), bytes: bytesOf(n), weights: packedBytes(n), out: p}
	for i, q := range in {
		if q != nil {
			s.in = append(s.in, q)
			if mayShare(n, i) {
				s.share(p, q)
			}
		}
	}
	s.scratch = func(d *cpu.Device, _ int) cpu.Scratch { return plainScratch(d, n) }
	s.prepare = func() { x.forward(s, n, in) }
	x.add(s)
}

// plainScratch is what n's operator takes; a constant weight is laid out before.
func plainScratch(d *cpu.Device, n *graph.Node) cpu.Scratch {
	in := make([]tensor.Shape, len(n.In))
	for i, v := range n.In {
		if v != nil {
			in[i] = v.Shape
		}
	}
	if o, ok := n.Op.(op.Conv); ok && packedBytes(n) > 0 {
		return d.ConvScratch(o.Geometry(in[0], in[1]))
	}
	if o, ok := n.Op.(op.Scratcher); ok {
		return o.Scratch(d, nil, in...)
	}
	return cpu.Scratch{}
}

// forward prepares s to call n's operator.
func (x *plan) forward(s *step, n *graph.Node, in []*place) {
	consts := make([]*tensor.Tensor, len(n.In))
	args := make([]*tensor.Tensor, len(n.In))
	for i, v := range n.In {
		switch {
		case v == nil:
		case v.Const != nil:
			consts[i], args[i] = v.Const, v.Const
		default:
			args[i] = &tensor.Tensor{Shape: v.Shape}
		}
	}
	o := n.Op
	if p, ok := o.(op.Packer); ok {
		o = p.Pack(x.d, consts...)
		if o.Kind() == "Conv" && consts[1] != nil { // it has its own copy of the weight
			args[1] = &tensor.Tensor{Shape: n.In[1].Shape}
		}
	}
	y := &tensor.Tensor{Shape: n.Out.Shape}
	s.run = func(r *runner, _, _ int) {
		for i, p := range in {
			if p != nil {
				args[i].Data = p.root().data[:args[i].Shape.Size()]
			}
		}
		y.Data = s.out.root().data[:y.Shape.Size()]
		o.Forward(r.d, y, args...)
	}
}

// isView reports whether a node only changes the shape: its result is its
// input's memory.
func isView(n *graph.Node) bool {
	switch n.Op.Kind() {
	case "Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		return n.In[0].Const == nil
	}
	return false
}

// mayShare reports whether a node's operator may write its result over input
// k of the same shape: where it works element by element, and the residual of
// a convolution.
func mayShare(n *graph.Node, k int) bool {
	switch n.Op.Kind() {
	case "Add", "Sub", "Mul", "Div", "Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Exp", "Neg", "Softplus", "Sqrt":
		return true
	case "BatchNormalization":
		return k == 0
	case "Conv":
		return k == 3
	}
	return false
}
