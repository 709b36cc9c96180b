package heads

import (
	"fmt"
	"slices"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// BodySpec says which part of a network learns with the head.
type BodySpec struct {
	Model *onnx.Model // holds the network; must stay open as long as the body is used
	From  string      // the value that is fed: where the frozen part ends
	Shape []int       // (C,H,W) of one item of From
	To    string      // the value (N,C,H,W) that the part ends with
	Pool  string      // "" hands To on, "mean" its mean over the pixels (C), "mean+max" also its maximum (2C)
	Norms bool        // scale and bias of batch norms learn too; their statistics never do
}

// Body is the unfrozen part of a backbone. It is not safe for concurrent use.
//
// A batch norm in it keeps its running statistics: it is the affine map that it
// is at inference, for every batch. Where a file has none because they were
// folded into the convolutions when it was exported, the folded convolution
// learns, which differs only in the scale of each channel's weights and thus in
// the size of the optimiser's steps.
type Body struct {
	spec   BodySpec
	params []*Param
	byName map[string]*Param
	frozen []string // weights that cannot learn, and why
	out    tensor.Shape
}

// NewBody reads the part. It fails where an operator in it has no gradient and
// where nothing in it can learn.
func NewBody(s BodySpec) (*Body, error) {
	b := &Body{spec: s, byName: map[string]*Param{}}
	g, err := b.graph(1)
	if err != nil {
		return nil, err
	}
	for _, n := range g.Nodes {
		if _, ok := n.Op.(op.Differentiable); !ok {
			return nil, fmt.Errorf("%s: node %q (%s) cannot be trained through: unfreeze from a value behind it, or another cut", s.Model.Path, n.Name, n.Op.Kind())
		}
	}
	b.out = g.Outputs[0].Shape[1:].Clone()
	if s.Pool != "" {
		b.out = b.out[:1]
	}
	if err := b.findParams(g); err != nil {
		return nil, err
	}
	return b, nil
}

// learns lists which inputs of an operator learn; the first decays.
func (b *Body) learns(o op.Op) []int {
	switch o.(type) {
	case op.Conv, op.Gemm:
		return []int{1, 2}
	case op.MatMul:
		return []int{1}
	case op.BatchNorm:
		if b.spec.Norms {
			return []int{1, 2}
		}
	}
	return nil
}

// findParams makes a parameter, with numbers of its own, of each weight that can learn.
func (b *Body) findParams(g *graph.Graph) error {
	outside := map[string]bool{} // weights that the frozen part reads
	for _, n := range b.spec.Model.Cut(b.spec.From).Nodes {
		for _, name := range n.Inputs {
			outside[name] = true
		}
	}
	for _, n := range g.Nodes {
		for _, i := range b.learns(n.Op) {
			if i >= len(n.In) || n.In[i] == nil || n.In[i].Const == nil || b.byName[n.In[i].Name] != nil {
				continue
			}
			v := n.In[i]
			if why := b.fixed(v, outside); why != "" {
				b.frozen = append(b.frozen, fmt.Sprintf("%s of node %q stays frozen: %s", v.Name, n.Name, why))
				continue
			}
			p := newParam("body/"+v.Name, v.Shape.Clone(), slices.Clone(v.Const.Data), GroupBody)
			b.params, b.byName[v.Name] = append(b.params, p), p
		}
	}
	if len(b.params) == 0 {
		return fmt.Errorf("%s: nothing between %q and %q can learn: %d weights stay frozen; unfreeze more", b.spec.Model.Path, b.spec.From, b.spec.To, len(b.frozen))
	}
	return nil
}

// fixed says why a constant cannot learn, "" if it can.
func (b *Body) fixed(v *graph.Value, outside map[string]bool) string {
	t := b.spec.Model.Weights[v.Name]
	switch {
	case t == nil:
		return "the file computes it from other constants"
	case t.Type != onnx.Float:
		return fmt.Sprintf("it is stored as %v, float32 was wanted", t.Type)
	case outside[v.Name]:
		return "the frozen part uses it too"
	}
	return ""
}

// Notes says which weights stay frozen, and why.
func (b *Body) Notes() []string { return slices.Clone(b.frozen) }

// Params is the number of numbers that learn.
func (b *Body) Params() int {
	n := 0
	for _, p := range b.params {
		n += len(p.Data)
	}
	return n
}

// InputShape is (C,H,W) of one item that is fed.
func (b *Body) InputShape() []int { return slices.Clone(b.spec.Shape) }

// OutputShape is that of one item that comes out: (C,H,W), or (C) or (2C) when pooled.
func (b *Body) OutputShape() []int { return b.out.Clone() }

// Reset puts the file's weights back.
func (b *Body) Reset() error {
	for name, p := range b.byName {
		x, err := b.spec.Model.Weights[name].Floats()
		if err != nil {
			return fmt.Errorf("%s: weight %q: %w", b.spec.Model.Path, name, err)
		}
		copy(p.Data, x)
	}
	return nil
}

// Weights are the file's weights that learn, as they are now, by their names in
// it. They share the body's numbers.
func (b *Body) Weights() map[string]*onnx.Tensor {
	out := map[string]*onnx.Tensor{}
	for name, p := range b.byName {
		out[name] = onnx.NewFloats(name, int64s(p.Shape), p.Data)
	}
	return out
}

// graph is the part for a batch, its learning weights those of b.
func (b *Body) graph(batch int) (*graph.Graph, error) {
	s := b.spec
	g, err := graph.Import(s.Model, graph.ImportOptions{
		Batch: batch, Input: s.From, InputShape: append(tensor.Shape{batch}, s.Shape...), Outputs: []string{s.To},
	})
	if err != nil {
		return nil, err
	}
	if g, err = graph.ForTraining(g, s.Norms); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Model.Path, err)
	}
	if s.Pool != "" {
		graph.Pool(g, s.Pool == "mean+max")
	}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			if v != nil && b.byName[v.Name] != nil {
				v.Const = tensor.Of(b.byName[v.Name].Data, v.Shape...)
			}
		}
	}
	return g, nil
}
