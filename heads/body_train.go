package heads

import (
	"github.com/tlkit/tl/internal/autodiff"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// bodyBuilder puts a body into a Gorgonia graph, each value once.
type bodyBuilder struct {
	b      *Body
	g      *autodiff.Graph
	values map[*graph.Value]*autodiff.Node
}

// build adds the body for a batch behind x, (batch, InputShape…), and returns
// its output, (batch, OutputShape…).
func (b *Body) build(g *autodiff.Graph, x *autodiff.Node, batch int) (*autodiff.Node, error) {
	net, err := b.graph(batch)
	if err != nil {
		return nil, err
	}
	c := bodyBuilder{b, g, map[*graph.Value]*autodiff.Node{net.Inputs[0]: x}}
	// The parameters first: Gorgonia's order is that of Head.Params.
	for _, p := range b.params {
		if err := c.param(net, p); err != nil {
			return nil, err
		}
	}
	for _, n := range net.Nodes {
		in := make([]*autodiff.Node, len(n.In))
		for i, v := range n.In {
			if v == nil {
				continue
			}
			if in[i], err = c.value(v); err != nil {
				return nil, err
			}
		}
		if c.values[n.Out], err = g.Apply(n.Name, n.Op.(op.Differentiable), in...); err != nil {
			return nil, err
		}
	}
	return c.values[net.Outputs[0]], nil
}

// param adds a parameter for every value that reads its numbers.
func (c bodyBuilder) param(net *graph.Graph, p *Param) error {
	node, err := c.g.Param(p.Name, tensor.Of(p.Data, p.Shape...))
	if err != nil {
		return err
	}
	for _, n := range net.Nodes {
		for _, v := range n.In {
			if v != nil && c.b.byName[v.Name] == p {
				c.values[v] = node
			}
		}
	}
	return nil
}

// value returns the node of v; a constant that does not learn becomes an input.
func (c bodyBuilder) value(v *graph.Value) (*autodiff.Node, error) {
	if n := c.values[v]; n != nil {
		return n, nil
	}
	t := *v.Const
	if len(t.Shape) == 0 {
		t.Shape = tensor.Shape{1} // Gorgonia takes no scalars; operators broadcast both alike
	}
	n, err := c.g.Input("body/constant/"+v.Name, &t)
	c.values[v] = n
	return n, err
}
