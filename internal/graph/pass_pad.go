package graph

import (
	"math"

	"github.com/tlkit/tl/internal/op"
)

// foldPad lets a convolution or pool pad its input itself where a Pad node in
// front of it adds what the padding would be: zeros for a convolution or an
// average that counts them, and for a maximum either -Inf or, under values
// that are never negative, zeros.
func foldPad(e *editor, n *Node) bool {
	if len(n.In) == 0 {
		return false
	}
	pad, p := made[op.Pad](e, n.In[0])
	if pad == nil || p.Mode != "" && p.Mode != "constant" || len(p.Pads) != 8 {
		return false
	}
	more := [4]int{p.Pads[2], p.Pads[3], p.Pads[6], p.Pads[7]}
	if p.Pads[0]|p.Pads[1]|p.Pads[4]|p.Pads[5] != 0 || min(more[0], more[1], more[2], more[3]) < 0 {
		return false
	}
	o := padded(e, n, p, pad.In[0], more)
	if o == nil {
		return false
	}
	in := append([]*Value{pad.In[0]}, n.In[1:]...)
	if s, err := o.Shape(shapesOf(in)...); err != nil || !s.Equal(n.Out.Shape) {
		return false
	}
	return e.set(n, o, in...)
}

// padded is n's operator with more padding; nil where that means something else.
func padded(e *editor, n *Node, p op.Pad, x *Value, more [4]int) op.Op {
	switch o := n.Op.(type) {
	case op.Conv:
		if p.Value == 0 && explicit(&o.AutoPad, &o.Pads) {
			o.Pads = sum4(o.Pads, more)
			o.Hint = [3]int{x.Shape[0], x.Shape[2], x.Shape[3]}
			return o
		}
	case op.MaxPool:
		least := p.Value <= -math.MaxFloat32 || p.Value == 0 && notNegative(e, x)
		if least && explicit(&o.AutoPad, &o.Pads) && !o.Ceil && plain(o.Dilations) {
			o.Pads = sum4(o.Pads, more)
			return o
		}
	case op.AveragePool:
		if p.Value == 0 && explicit(&o.AutoPad, &o.Pads) && !o.Ceil && o.Pads == [4]int{} {
			o.Pads, o.CountPad = more, true
			return o
		}
	}
	return nil
}

// explicit makes VALID, which is no padding, a list of pads; it is false where
// the padding follows from the image.
func explicit(autoPad *string, pads *[4]int) bool {
	switch *autoPad {
	case "", "NOTSET":
		return true
	case "VALID":
		*autoPad, *pads = "", [4]int{}
		return true
	}
	return false
}

// plain reports whether a window has no holes.
func plain(dilations [2]int) bool { return max(dilations[0], 1) == 1 && max(dilations[1], 1) == 1 }

func sum4(a, b [4]int) [4]int {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

// notNegative reports whether no element of v can be below zero, going by the
// node that computes it.
func notNegative(e *editor, v *Value) bool {
	n := e.maker[v]
	if n == nil {
		return false
	}
	switch o := n.Op.(type) {
	case op.Relu, op.Sigmoid, op.HardSigmoid:
		return true
	case op.Clip:
		return o.Min >= 0
	case op.Conv:
		return o.Clamp && o.Lo >= 0
	case op.MaxPool, op.Identity, op.Dropout:
		return notNegative(e, n.In[0])
	}
	return false
}
