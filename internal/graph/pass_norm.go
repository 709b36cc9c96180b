package graph

import "github.com/tlkit/tl/internal/op"

// fuseFrozenNorm makes a BatchNormalization part of the convolution before it
// without touching the convolution's weights: see op.FrozenNorm.
func fuseFrozenNorm(e *editor, n *Node) bool {
	o, ok := n.Op.(op.BatchNorm)
	if !ok {
		return false
	}
	x, a, ok := batchNormAffine(n, o)
	if !ok {
		return false
	}
	conv, c := only[op.Conv](e, x)
	if conv == nil || c.Residual || c.Clamp || c.Norm != nil {
		return false
	}
	c.Norm = &op.FrozenNorm{Scale: single(a.factor), Shift: single(a.offset)}
	n.Name = conv.Name
	return e.set(n, c, conv.In...)
}

// single is x in float32.
func single(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
