package main

import (
	"fmt"
	"maps"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// binding says which inputs of a case are fed as activations; the others
// become constants before the import. Only floats can be fed.
type binding int

const (
	fed      binding = iota // every input of a float type
	weighted                // the first input alone: the others are like a file's weights
	folded                  // none: everything is arithmetic at import
	bindings
)

func (b binding) String() string {
	return [...]string{"fed", "weights bound", "all bound"}[b]
}

// feeds reports whether input i is fed.
func (b binding) feeds(i int, t *onnx.Tensor) bool {
	switch t.Type {
	case onnx.Float, onnx.Double, onnx.Float16, onnx.BFloat16:
		return b == fed || b == weighted && i == 0
	}
	return false
}

// bound is a case as the importer gets it.
type bound struct {
	graph *graph.Graph
	in    []*tensor.Tensor
	want  []*onnx.Tensor
	added bool // outputs passed through an addition of the fed number 0
}

// bind imports m for the arrays of a data set. It returns nil where the
// binding is the same as one before it.
func bind(m *onnx.Model, b binding, in, want []*onnx.Tensor) (*bound, error) {
	if len(in) > len(m.Inputs) || len(want) != len(m.Outputs) {
		return nil, fmt.Errorf("%d input and %d output files for %d inputs and %d outputs", len(in), len(want), len(m.Inputs), len(m.Outputs))
	}
	c := *m
	c.Inputs, c.Weights = nil, maps.Clone(m.Weights)
	out, values := bound{want: want}, map[string]*tensor.Tensor{}
	fedBefore := 0
	for i, t := range in {
		v := m.Inputs[i]
		if (b - 1).feeds(i, t) {
			fedBefore++
		}
		if !b.feeds(i, t) {
			named := *t
			named.Name = v.Name
			c.Weights[v.Name] = &named
			continue
		}
		x, err := floats(t)
		if err != nil {
			return nil, err
		}
		v.Shape = dims(t.Shape)
		c.Inputs, values[v.Name] = append(c.Inputs, v), x
	}
	switch {
	case b != fed && len(c.Inputs) == fedBefore:
		return nil, nil
	case b == folded || len(c.Inputs) == 0:
		values[zero] = out.addZero(&c)
	}
	g, err := graph.Import(&c, graph.ImportOptions{})
	if err != nil {
		return nil, err
	}
	out.graph = g
	for _, v := range g.Inputs { // those that the outputs depend on
		out.in = append(out.in, values[v.Name])
	}
	return &out, nil
}

// zero is the input that addZero adds.
const zero = "onnxsuite_zero"

// addZero adds a fed 0 to every output of c, because a program has to have an
// input, and returns that 0.
func (b *bound) addZero(c *onnx.Model) *tensor.Tensor {
	b.added = true
	c.Inputs = []onnx.ValueInfo{{Name: zero, Type: onnx.Float, Shape: dims([]int64{1})}}
	c.Outputs = append([]onnx.ValueInfo(nil), c.Outputs...)
	c.Nodes = c.Nodes[:len(c.Nodes):len(c.Nodes)]
	for i := range c.Outputs {
		name := c.Outputs[i].Name
		c.Outputs[i].Name = name + "_" + zero
		c.Nodes = append(c.Nodes, onnx.Node{Op: "Add", Inputs: []string{name, zero}, Outputs: []string{c.Outputs[i].Name}})
	}
	return tensor.New(1)
}

// dims declares a shape.
func dims(shape []int64) []onnx.Dim {
	out := make([]onnx.Dim, len(shape))
	for i, n := range shape {
		out[i].Size = n
	}
	return out
}

// floats is t in float32.
func floats(t *onnx.Tensor) (*tensor.Tensor, error) {
	data, err := t.Floats()
	if err != nil {
		return nil, err
	}
	shape := make(tensor.Shape, len(t.Shape))
	for i, n := range t.Shape {
		shape[i] = int(n)
	}
	return tensor.Of(data, shape...), nil
}
