package graph

import (
	"slices"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// sinkTranspose moves transposes behind the nodes that read them: op(T(x))
// becomes T(op'(x)). A network that a converter wrote in NHWC order, with
// transposes around each convolution, is left with one at the input and at
// most one at the end; the rest meet and cancel.
func sinkTranspose(e *editor, n *Node) bool {
	if !sinks(n) {
		return false
	}
	perm, sources := transposed(e, n)
	if perm == nil {
		return false
	}
	switch o := n.Op.(type) {
	case op.Transpose:
		return joinTransposes(e, n, perm, permOf(o, len(perm)), sources[0])
	case op.Concat:
		axis := (o.Axis + len(perm)) % len(perm)
		return sink(e, n, op.Concat{Axis: perm[axis]}, perm, sources)
	case op.Pad:
		pads := make([]int, len(o.Pads))
		for i, p := range perm {
			pads[p], pads[p+len(perm)] = o.Pads[i], o.Pads[i+len(perm)]
		}
		return sink(e, n, op.Pad{Pads: pads, Mode: o.Mode, Value: o.Value}, perm, sources)
	case op.ReduceMean:
		return sinkMean(e, n, o, perm, sources[0])
	default: // element by element
		return sameRank(n, len(perm)) && sink(e, n, o, perm, sources)
	}
}

// sinks reports whether there is a rule for a node.
func sinks(n *Node) bool {
	switch n.Op.(type) {
	case op.Transpose, op.Concat, op.Pad, op.ReduceMean,
		op.Relu, op.Clip, op.LeakyRelu, op.Sigmoid, op.HardSigmoid, op.HardSwish, op.Tanh,
		op.Elu, op.Exp, op.Neg, op.Softplus, op.Sqrt,
		op.Add, op.Sub, op.Mul, op.Div, op.Sum:
		return true
	}
	return false
}

// transposed returns the permutation that all of n's activations went through
// and its inputs as they were before: constants are turned back. A nil perm
// means that there is none, or not the same for all.
func transposed(e *editor, n *Node) (perm []int, sources []*Value) {
	for _, v := range n.In {
		if v == nil {
			return nil, nil
		}
		if v.Const != nil {
			continue
		}
		t, o := made[op.Transpose](e, v)
		if t == nil {
			return nil, nil
		}
		p := permOf(o, len(v.Shape))
		if perm != nil && !slices.Equal(p, perm) {
			return nil, nil
		}
		perm = p
	}
	if perm == nil {
		return nil, nil
	}
	sources = make([]*Value, len(n.In))
	for i, v := range n.In {
		if v.Const == nil {
			sources[i] = e.maker[v].In[0]
		} else if len(v.Shape) > len(perm) {
			return nil, nil
		} else {
			sources[i] = turnBack(v, perm)
		}
	}
	return perm, sources
}

// sameRank reports whether every activation that n reads has as many axes as
// the permutation, so that broadcasting lines the same axes up before it.
func sameRank(n *Node, rank int) bool {
	return !slices.ContainsFunc(n.In, func(v *Value) bool { return v.Const == nil && len(v.Shape) != rank })
}

// sink computes o on the sources and transposes its result.
func sink(e *editor, n *Node, o op.Op, perm []int, sources []*Value) bool {
	shape := make(tensor.Shape, len(perm))
	for i, p := range perm {
		shape[p] = n.Out.Shape[i]
	}
	early := e.before(&Node{Name: n.Name, Op: o, In: sources, Out: &Value{Name: n.Out.Name, Shape: shape}})
	return e.set(n, op.Transpose{Perm: perm}, early)
}

// joinTransposes makes one transpose of two: first, then second.
func joinTransposes(e *editor, n *Node, first, second []int, x *Value) bool {
	both := make([]int, len(first))
	for i, s := range second {
		both[i] = first[s]
	}
	if sorted(both) {
		return e.replace(n, x)
	}
	return e.set(n, op.Transpose{Perm: both}, x)
}

// sinkMean averages before the transpose. Where the reduced axes go away, the
// rest needs no transpose if it is in order.
func sinkMean(e *editor, n *Node, m op.ReduceMean, perm []int, x *Value) bool {
	if len(m.Axes) == 0 {
		return false
	}
	var axes, kept []int
	for i, p := range perm {
		if slices.Contains(m.Axes, i) || slices.Contains(m.Axes, i-len(perm)) {
			axes = append(axes, p)
		} else {
			kept = append(kept, p)
		}
	}
	slices.Sort(axes)
	early := op.ReduceMean{Axes: axes, DropDims: m.DropDims}
	if !m.DropDims {
		return sink(e, n, early, perm, []*Value{x})
	}
	if !sorted(kept) {
		return false
	}
	return e.set(n, early, x)
}

// turnBack is a constant as it was before a transpose of the array that it is
// combined with: of the same rank, axes in the old order.
func turnBack(v *Value, perm []int) *Value {
	rank := len(perm)
	after := make(tensor.Shape, rank) // v's shape, lined up at the last axis
	for i := range after {
		after[i] = 1
		if j := i - rank + len(v.Shape); j >= 0 {
			after[i] = v.Shape[j]
		}
	}
	old := make(tensor.Shape, rank)
	for i, p := range perm {
		old[p] = after[i]
	}
	c := tensor.New(old...)
	for e := range c.Data {
		rest, at := e, 0
		place := make([]int, rank) // in the new order
		for p := rank - 1; p >= 0; p-- {
			place[slices.Index(perm, p)] = rest % old[p]
			rest /= old[p]
		}
		for i, d := range after {
			at = at*d + place[i]
		}
		c.Data[e] = v.Const.Data[at]
	}
	return &Value{Name: v.Name, Shape: old, Const: c}
}
