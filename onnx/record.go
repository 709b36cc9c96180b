package onnx

import (
	"errors"
	"fmt"

	onnxgo "github.com/owulveryck/onnx-go"
	_ "go4.org/unsafe/assume-no-moving-gc" // keeps go.mod at a version that starts under this Go
	"gonum.org/v1/gonum/graph"
)

// decode lets onnx-go decode the nodes of a skeleton: a ModelProto without
// weights. Node i of the answer is the skeleton's node i; its Name is not set,
// because onnx-go does not hand it on. A panic of onnx-go becomes an error.
func decode(skeleton []byte) (nodes []Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("onnx-go cannot decode the graph: %v", p)
		}
	}()
	r := new(recorder)
	if err := onnxgo.NewModel(r).UnmarshalBinary(skeleton); err != nil {
		return nil, fmt.Errorf("onnx-go cannot decode the graph: %w", err)
	}
	return r.nodes, nil
}

// recorder is the onnx-go backend that only writes down what it is told. It is
// no general graph, because a graph would merge the two edges of Add(x, x).
type recorder struct {
	graph.DirectedWeightedBuilder // nil: the decoder calls nothing of it but what is below

	values  int64
	pending []edge // since the last operation
	nodes   []Node
}

// value is a named node of onnx-go's graph.
type value struct {
	id   int64
	name string
}

func (v *value) ID() int64           { return v.id }
func (v *value) SetName(name string) { v.name = name }
func (v *value) GetName() string     { return v.name }

// edge leads from an operation's output to its input number weight.
type edge struct {
	from, to graph.Node
	weight   float64
}

func (e edge) From() graph.Node         { return e.from }
func (e edge) To() graph.Node           { return e.to }
func (e edge) ReversedEdge() graph.Edge { return e }
func (e edge) Weight() float64          { return e.weight }

func (r *recorder) NewNode() graph.Node {
	r.values++
	return &value{id: r.values}
}

func (r *recorder) AddNode(graph.Node) {}

func (r *recorder) NewWeightedEdge(from, to graph.Node, weight float64) graph.WeightedEdge {
	return edge{from, to, weight}
}

func (r *recorder) SetWeightedEdge(e graph.WeightedEdge) {
	r.pending = append(r.pending, e.(edge))
}

// ApplyOperation records one node. onnx-go has set the edges to all inputs in
// order, once for each output.
func (r *recorder) ApplyOperation(o onnxgo.Operation, outputs ...graph.Node) error {
	if len(outputs) == 0 {
		return errors.New("operator without outputs")
	}
	n := Node{Op: o.Name, Attrs: o.Attributes}
	for _, out := range outputs {
		n.Outputs = append(n.Outputs, out.(*value).name)
	}
	for _, e := range r.pending[:len(r.pending)/len(outputs)] {
		n.Inputs = append(n.Inputs, e.to.(*value).name)
	}
	r.pending = r.pending[:0]
	r.nodes = append(r.nodes, n)
	return nil
}
