// Package graph is the network as data: values, nodes and shapes.
//
// Import turns an onnx.Model into a Graph for one batch and image size, with
// all shape arithmetic folded away; the passes, one a file, rewrite it.
package graph

import (
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// Graph is a feed-forward network with concrete shapes.
type Graph struct {
	Name    string   // file name, for messages
	Inputs  []*Value // activations fed from outside
	Outputs []*Value
	Nodes   []*Node // topological order
}

// Value is one array that flows along an edge.
type Value struct {
	Name  string
	Shape tensor.Shape
	Const *tensor.Tensor // non-nil for weights; its Data may be a view of the file
}

// Node is one operator call.
type Node struct {
	Name string // the file's name of the node, or its first output's where it has none
	Op   op.Op
	In   []*Value // nil is an omitted optional input
	Out  *Value
}
