package autodiff

import (
	"errors"
	"fmt"

	"github.com/tlkit/tl/internal/tensor"
	"gorgonia.org/gorgonia"
)

// Machine runs a graph forward and backward. It is not safe for concurrent use.
type Machine struct {
	g      *Graph
	vm     gorgonia.VM
	loss   *Node
	params []*parameter
	runs   int // whose gradients are held
}

// Compile differentiates loss by every parameter and readies the graph to run.
// Nothing may be added to the graph afterwards.
func (g *Graph) Compile(loss *Node) (m *Machine, err error) {
	building.Lock()
	defer building.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("autodiff: compile: %v", p)
		}
	}()
	grads, err := g.differentiate(loss)
	if err != nil {
		return nil, err
	}
	m = &Machine{g: g, loss: loss}
	for i, n := range g.params {
		m.params = append(m.params, &parameter{m: m, value: n.Value(), grad: grads[i]})
	}
	m.vm = gorgonia.NewTapeMachine(g.expr)
	return m, nil
}

// differentiate adds the gradients to the graph and returns their buffers by
// parameter. Gorgonia could bind them itself, but then keeps a second array of
// each, and adds the first to it on one thread.
func (g *Graph) differentiate(loss *Node) ([]*buffer, error) {
	if len(g.params) == 0 {
		return nil, errors.New("autodiff: the graph has no parameters")
	}
	nodes, err := gorgonia.Grad(loss, g.params...)
	if err != nil {
		return nil, fmt.Errorf("autodiff: differentiate: %w", err)
	}
	grads := make([]*buffer, len(nodes))
	for i, n := range nodes {
		if grads[i], err = g.gradientOf(n); err != nil {
			return nil, fmt.Errorf("autodiff: gradient of %q: %w", g.params[i].Name(), err)
		}
	}
	return grads, g.checkHashes()
}

// gradientOf returns the buffer that gradient node n fills: our operator's own
// or, where a parameter has several users and Gorgonia adds up, a copy's.
func (g *Graph) gradientOf(n *Node) (*buffer, error) {
	switch o := n.Op().(type) {
	case *backward:
		return o.out, nil
	case *take:
		return o.out, nil
	}
	children := gorgonia.Nodes{n}
	h := &hold{newBase(g, "held gradient", newBuffer(tensor.Shape(n.Shape())), children)}
	_, err := gorgonia.ApplyOp(h, children...)
	return h.out, err
}

// checkHashes refuses a graph in which Gorgonia's compiler, which looks only at
// 32-bit hashes, would take two different nodes for one.
func (g *Graph) checkHashes() error {
	seen := map[uint32]*Node{}
	for _, n := range g.expr.AllNodes() {
		if other, ok := seen[n.Hashcode()]; ok && other != n {
			return fmt.Errorf("autodiff: nodes %v and %v have the same hash; rename an input", other, n)
		}
		seen[n.Hashcode()] = n
	}
	return nil
}

// Run computes the loss and adds the gradients to those already held by
// Params; ZeroGrad forgets them. After an error none are held.
func (m *Machine) Run() (loss float64, err error) {
	for _, p := range m.params {
		p.keep()
	}
	m.g.failed = nil
	err = m.vm.RunAll()
	m.vm.Reset()
	if m.g.failed != nil {
		err = m.g.failed
	}
	if err != nil {
		m.ZeroGrad()
		return 0, err
	}
	for _, p := range m.params {
		p.add()
	}
	m.runs++
	v, ok := m.loss.Value().Data().(float32)
	if !ok {
		return 0, fmt.Errorf("autodiff: the loss is a %T, want float32", m.loss.Value().Data())
	}
	return float64(v), nil
}

// Params returns the parameters with their gradients, in the order of the
// calls of Graph.Param, for a gorgonia.Solver.
func (m *Machine) Params() []gorgonia.ValueGrad {
	out := make([]gorgonia.ValueGrad, len(m.params))
	for i, p := range m.params {
		out[i] = p
	}
	return out
}

// ZeroGrad forgets the gradients added up so far. It takes no time.
func (m *Machine) ZeroGrad() { m.runs = 0 }

// Gradients returns the live gradients by parameter; nil where none are held.
func (m *Machine) Gradients() [][]float32 {
	out := make([][]float32, len(m.params))
	for i, p := range m.params {
		out[i], _ = gradient(p)
	}
	return out
}

// Close releases the machine.
func (m *Machine) Close() error { return m.vm.Close() }
