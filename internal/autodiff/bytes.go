package autodiff

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// Bytes returns the memory that running the graph takes besides its
// parameters: arrays are inputs, the output of each operator, and all
// gradients; scratch is what the kernels take of the graph's device. It
// differentiates loss, so that the graph cannot be compiled afterwards, and
// allocates nothing of what it counts.
func (g *Graph) Bytes(loss *Node) (arrays int64, scratch cpu.Scratch, err error) {
	building.Lock()
	defer building.Unlock()
	if _, err := g.differentiate(loss); err != nil {
		return 0, scratch, err
	}
	return g.bytes(), g.scratch(), nil
}

// Bytes returns the arrays of Graph.Bytes.
func (m *Machine) Bytes() int64 { return m.g.bytes() }

// Scratch returns the scratch of Graph.Bytes.
func (m *Machine) Scratch() cpu.Scratch { return m.g.scratch() }

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

// scratch asks each operator of a differentiated graph.
func (g *Graph) scratch() (all cpu.Scratch) {
	for _, node := range g.expr.AllNodes() {
		switch o := node.Op().(type) {
		case *forward:
			all = all.Or(o.scratch(nil))
		case *backward:
			grad := make([]bool, len(o.dx))
			for i, t := range o.dx {
				grad[i] = t != nil
			}
			all = all.Or(o.f.scratch(grad))
		}
	}
	return all
}

// scratch is what f's operator takes; grad marks the gradients of its Backward.
func (f *forward) scratch(grad []bool) (s cpu.Scratch) {
	o, ok := f.op.(op.Scratcher)
	if !ok {
		return s
	}
	in := make([]tensor.Shape, len(f.in))
	for i, t := range f.in {
		if t != nil {
			in[i] = t.Shape
		}
	}
	return o.Scratch(f.g.dev, grad, in...)
}
