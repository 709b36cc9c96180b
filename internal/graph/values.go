package graph

import (
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// shapesOf lists the shapes of values; an omitted value has a nil shape, a
// scalar one of length 0.
func shapesOf(in []*Value) []tensor.Shape {
	out := make([]tensor.Shape, len(in))
	for i, v := range in {
		if v == nil {
			continue
		}
		if out[i] = v.Shape; out[i] == nil {
			out[i] = tensor.Shape{}
		}
	}
	return out
}

// constsOf lists the numbers of values; an omitted value is nil.
func constsOf(in []*Value) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(in))
	for i, v := range in {
		if v != nil {
			out[i] = v.Const
		}
	}
	return out
}

// allConst reports whether there are inputs and all are constants or omitted.
func allConst(in []*Value) bool {
	for _, v := range in {
		if v != nil && v.Const == nil {
			return false
		}
	}
	return len(in) > 0
}

// shapeOf is the shape of a tensor of the file.
func shapeOf(t *onnx.Tensor) tensor.Shape {
	s := make(tensor.Shape, len(t.Shape))
	for i, d := range t.Shape {
		s[i] = int(d)
	}
	return s
}

// dims64 is a shape as the file format writes it.
func dims64(s tensor.Shape) []int64 {
	out := make([]int64, len(s))
	for i, d := range s {
		out[i] = int64(d)
	}
	return out
}

// defined reports whether a value is known already.
func (im *importer) defined(name string) bool {
	return im.consts[name] != nil || im.values[name] != nil
}

// prune removes nodes that no output depends on.
func prune(g *Graph) {
	need := map[*Value]bool{}
	for _, v := range g.Outputs {
		need[v] = true
	}
	kept := make([]*Node, 0, len(g.Nodes))
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		if !need[n.Out] {
			continue
		}
		for _, v := range n.In {
			if v != nil {
				need[v] = true
			}
		}
		kept = append(kept, n)
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	g.Nodes = kept
}
