package graph

import (
	"slices"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// dropIdentity takes away nodes whose result is their input, and joins
// neighbours that only change the shape.
func dropIdentity(e *editor, n *Node) bool {
	if len(n.In) == 0 || n.In[0] == nil {
		return false
	}
	x := n.In[0]
	if isIdentity(n) {
		return e.replace(n, x)
	}
	if t, ok := n.Op.(op.Transpose); ok && movesOnes(permOf(t, len(x.Shape)), x.Shape) {
		return e.set(n, op.Reshape{To: n.Out.Shape.Clone()}, x)
	}
	if before := e.maker[x]; changesShape(n) && before != nil && changesShape(before) {
		return e.set(n, op.Reshape{To: n.Out.Shape.Clone()}, before.In[0])
	}
	return false
}

// isIdentity reports whether a node gives back its first input.
func isIdentity(n *Node) bool {
	x := n.In[0]
	if !x.Shape.Equal(n.Out.Shape) {
		return false
	}
	switch o := n.Op.(type) {
	case op.Identity, op.Dropout:
		return true
	case op.Sum, op.Concat:
		return len(n.In) == 1
	case op.Pad:
		return !slices.ContainsFunc(o.Pads, func(p int) bool { return p != 0 })
	case op.MaxPool:
		return o.Kernel == [2]int{1, 1}
	case op.AveragePool:
		return o.Kernel == [2]int{1, 1} && o.Pads == [4]int{}
	case op.Transpose:
		return sorted(permOf(o, len(x.Shape)))
	}
	return changesShape(n)
}

// changesShape reports whether a node keeps all numbers in their order.
func changesShape(n *Node) bool {
	switch n.Op.(type) {
	case op.Reshape, op.Flatten, op.Squeeze, op.Unsqueeze:
		return true
	}
	return false
}

// permOf is the permutation of a Transpose with its defaults filled in: axis i
// of the result is axis perm[i] of the input.
func permOf(t op.Transpose, rank int) []int {
	perm := make([]int, rank)
	for i := range perm {
		perm[i] = rank - 1 - i
		if t.Perm != nil {
			perm[i] = (t.Perm[i] + rank) % rank
		}
	}
	return perm
}

// movesOnes reports whether a permutation keeps the order of all axes that are
// longer than 1, so that no number moves.
func movesOnes(perm []int, x tensor.Shape) bool {
	var long []int
	for _, p := range perm {
		if x[p] != 1 {
			long = append(long, p)
		}
	}
	return sorted(long)
}

func sorted(x []int) bool { return slices.IsSorted(x) }
