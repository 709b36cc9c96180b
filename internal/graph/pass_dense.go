package graph

import "github.com/tlkit/tl/internal/op"

// fuseDenseBias makes one Gemm of a matrix product (M,K)·(K,N) and the
// addition of a constant row (N), as Keras exports write a dense layer.
func fuseDenseBias(e *editor, n *Node) bool {
	if _, ok := n.Op.(op.Add); !ok {
		return false
	}
	for i, bias := range n.In {
		product, _ := only[op.MatMul](e, n.In[1-i])
		if product == nil || bias.Const == nil || len(n.Out.Shape) != 2 || len(product.In[0].Shape) != 2 || len(product.In[1].Shape) != 2 {
			continue
		}
		if columns := n.Out.Shape[1]; len(bias.Shape) == 0 || bias.Shape.Size() != columns || bias.Shape[len(bias.Shape)-1] != columns || len(bias.Shape) > 2 {
			continue
		}
		return e.set(n, op.Gemm{Alpha: 1, Beta: 1}, product.In[0], product.In[1], bias)
	}
	return false
}
