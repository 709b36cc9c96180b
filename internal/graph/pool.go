package graph

import (
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// Pool appends the pooling of the only output over its pixels: the mean of each
// channel, (N,C,H,W) → (N,C,1,1), and with maximum also its maximum behind the
// means, (N,2C,1,1).
func Pool(g *Graph, maximum bool) {
	v := g.Outputs[0]
	n, c := v.Shape[0], v.Shape[1]
	add := func(o op.Op, what string, channels int, in ...*Value) *Value {
		y := &Value{Name: v.Name + " " + what, Shape: tensor.Shape{n, channels, 1, 1}}
		g.Nodes = append(g.Nodes, &Node{Name: y.Name, Op: o, In: in, Out: y})
		return y
	}
	y := add(op.GlobalAveragePool{}, "pooled", c, v)
	if maximum {
		y = add(op.Concat{Axis: 1}, "mean and maximum", 2*c, y, add(op.GlobalMaxPool{}, "maximum", c, v))
	}
	g.Outputs = []*Value{y}
}
