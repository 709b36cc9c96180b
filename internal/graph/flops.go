package graph

import "github.com/tlkit/tl/internal/op"

// Flops is the number of multiplications and additions of a matrix product or
// convolution, 0 for others.
func Flops(n *Node) float64 {
	size := float64(n.Out.Shape.Size())
	switch n.Op.(type) {
	case op.Conv:
		return 2 * size * float64(n.In[1].Shape[1:].Size())
	case op.Gemm, op.MatMul:
		columns := n.Out.Shape[len(n.Out.Shape)-1]
		return 2 * size * float64(n.In[1].Shape.Size()) / float64(columns)
	}
	return 0
}

// windowWork is what pools and local normalisations read: for each number of
// the result, all under the window.
func windowWork(n *Node) float64 {
	size := float64(n.Out.Shape.Size())
	switch o := n.Op.(type) {
	case op.MaxPool:
		return size * float64(o.Kernel[0]) * float64(o.Kernel[1])
	case op.AveragePool:
		return size * float64(o.Kernel[0]) * float64(o.Kernel[1])
	case op.LRN:
		return size * float64(o.Size)
	}
	return 0
}
