package graph

import (
	"math"

	"github.com/tlkit/tl/internal/op"
)

// fuseClamp lets a convolution limit its results before it stores them: a Relu
// is 0 … +Inf, a Clip its own limits. A second clamp narrows the first.
func fuseClamp(e *editor, n *Node) bool {
	var lo, hi float32
	switch o := n.Op.(type) {
	case op.Relu:
		hi = float32(math.Inf(1))
	case op.Clip:
		lo, hi = o.Min, o.Max
	default:
		return false
	}
	if lo > hi {
		return false
	}
	conv, c := only[op.Conv](e, n.In[0])
	if conv == nil {
		return false
	}
	if c.Clamp {
		lo, hi = min(max(c.Lo, lo), hi), min(max(c.Hi, lo), hi)
	}
	c.Clamp, c.Lo, c.Hi = true, lo, hi
	n.Name = conv.Name
	return e.set(n, c, conv.In...)
}
