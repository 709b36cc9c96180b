package onnx

import "fmt"

// Int returns the integer attribute name, or def when the node has none.
func (n *Node) Int(name string, def int64) int64 { return attr(n, name, def) }

// Float returns the number attribute name, or def when the node has none.
func (n *Node) Float(name string, def float32) float32 { return attr(n, name, def) }

// Str returns the text attribute name, or def when the node has none.
func (n *Node) Str(name string, def string) string { return attr(n, name, def) }

// Ints returns the integer list attribute name, nil when the node has none.
func (n *Node) Ints(name string) []int64 { return attr[[]int64](n, name, nil) }

// Floats returns the number list attribute name, nil when the node has none.
func (n *Node) Floats(name string) []float32 { return attr[[]float32](n, name, nil) }

// Tensor returns the tensor attribute name, nil when the node has none.
func (n *Node) Tensor(name string) *Tensor { return attr[*Tensor](n, name, nil) }

func attr[T any](n *Node, name string, def T) T {
	if v, ok := n.Attrs[name].(T); ok {
		return v
	}
	return def
}

// Has reports whether the node sets attribute name.
func (n *Node) Has(name string) bool {
	_, ok := n.Attrs[name]
	return ok
}

// Label names the node for people: its name, or its first output's, with its
// operator: `"conv1" (Conv)`.
func (n *Node) Label() string {
	name := n.Name
	if name == "" && len(n.Outputs) > 0 {
		name = n.Outputs[0]
	}
	return fmt.Sprintf("%q (%s)", name, n.Op)
}
