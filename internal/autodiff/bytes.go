package autodiff

import "github.com/tlkit/tl/internal/tensor"

// Bytes returns the memory that running the graph takes besides its
// parameters: inputs, the output of each operator, and all gradients. It
// differentiates loss, so that the graph cannot be compiled afterwards, and
// allocates nothing of what it counts.
func (g *Graph) Bytes(loss *Node) (int64, error) {
	building.Lock()
	defer building.Unlock()
	if _, err := g.differentiate(loss); err != nil {
		return 0, err
	}
	return g.bytes(), nil
}

// Bytes returns what Graph.Bytes does.
func (m *Machine) Bytes() int64 { return m.g.bytes() }

// bytes counts each node of a differentiated graph: it has an array of its own.
func (g *Graph) bytes() int64 {
	n := 0
	for _, node := range g.expr.AllNodes() {
		n += tensor.Shape(node.Shape()).Size()
	}
	for _, p := range g.params {
		n -= tensor.Shape(p.Shape()).Size()
	}
	return 4 * int64(n)
}
