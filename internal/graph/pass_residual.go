package graph

import "github.com/tlkit/tl/internal/op"

// fuseResidual lets a convolution add the other side of an Add before it
// stores its result: Add(conv(x), r) becomes conv(x) + r. The convolution
// moves to the place of the Add, where r is known.
func fuseResidual(e *editor, n *Node) bool {
	switch n.Op.(type) {
	case op.Add, op.Sum:
	default:
		return false
	}
	if len(n.In) != 2 || !n.In[0].Shape.Equal(n.In[1].Shape) {
		return false
	}
	for i := range 2 {
		conv, c := only[op.Conv](e, n.In[i])
		if conv == nil || c.Residual || c.Clamp {
			continue
		}
		in := make([]*Value, 4)
		copy(in, conv.In)
		in[3] = n.In[1-i]
		c.Residual = true
		n.Name = conv.Name
		return e.set(n, c, in...)
	}
	return false
}
