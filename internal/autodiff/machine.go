package autodiff

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// Machine runs a graph forward and backward. It is not safe for concurrent use.
type Machine struct {
	g     *Graph
	vm    gorgonia.VM
	loss  *Node
	model []gorgonia.ValueGrad
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
	if len(g.params) == 0 {
		return nil, errors.New("autodiff: the graph has no parameters")
	}
	if _, err := gorgonia.Grad(loss, g.params...); err != nil {
		return nil, fmt.Errorf("autodiff: differentiate: %w", err)
	}
	if err := g.checkHashes(); err != nil {
		return nil, err
	}
	m = &Machine{g: g, loss: loss, model: gorgonia.NodesToValueGrads(g.params)}
	m.vm = gorgonia.NewTapeMachine(g.expr, gorgonia.BindDualValues(g.params...))
	return m, nil
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
// Params; a solver's Step or ZeroGrad clears them. After an error they are clear.
func (m *Machine) Run() (loss float64, err error) {
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
	v, ok := m.loss.Value().Data().(float32)
	if !ok {
		return 0, fmt.Errorf("autodiff: the loss is a %T, want float32", m.loss.Value().Data())
	}
	return float64(v), nil
}

// Params returns the parameters with their gradients, in the order of the
// calls of Graph.Param, for a gorgonia.Solver.
func (m *Machine) Params() []gorgonia.ValueGrad { return m.model }

// ZeroGrad forgets the gradients added up so far.
func (m *Machine) ZeroGrad() {
	for _, p := range m.model {
		if g, err := gradient(p); err == nil {
			clear(g)
		}
	}
}

// Gradients returns the live gradients by parameter; nil before the first Run.
func (m *Machine) Gradients() [][]float32 {
	out := make([][]float32, len(m.model))
	for i, p := range m.model {
		out[i], _ = gradient(p)
	}
	return out
}

// Close releases the machine.
func (m *Machine) Close() error { return m.vm.Close() }

// gradient returns the numbers of p's gradient.
func gradient(p gorgonia.ValueGrad) ([]float32, error) {
	v, err := p.Grad()
	if err != nil {
		return nil, err
	}
	d, ok := v.(*gt.Dense)
	if !ok {
		return nil, fmt.Errorf("gradient is a %T, want a float32 array", v)
	}
	return d.Float32s(), nil
}
