package onnx

import (
	"fmt"
	"maps"
	"slices"
)

// The versions that are read and written.
const (
	MinOpset = 7
	MaxOpset = 22
	MinIR    = 3
	MaxIR    = 10
)

// checkVersions reports an IR or operator set version outside of the range.
func (m *Model) checkVersions() error {
	if m.IRVersion < MinIR || m.IRVersion > MaxIR {
		return fmt.Errorf("wanted ONNX IR version %d to %d, found %d (set ir_version and save the file again with onnx)", MinIR, MaxIR, m.IRVersion)
	}
	if m.Opset < MinOpset || m.Opset > MaxOpset {
		return fmt.Errorf("wanted operator set version 1 to %d (before %d those operators that mean the same in it), found %d (convert the file with onnx.version_converter)", MaxOpset, MinOpset, m.Opset)
	}
	return nil
}

// Check reports the first fault of a model: a version out of range, a weight
// whose bytes do not fill its shape, a name given twice, a value that nothing
// makes or that is used before it is made. It does not know what operators mean.
func (m *Model) Check() error {
	if err := m.checkVersions(); err != nil {
		return err
	}
	made := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(m.Weights)) {
		t := m.Weights[name]
		if name == "" || name != t.Name {
			return fmt.Errorf("weight %q is called %q", name, t.Name)
		}
		if err := t.check(); err != nil {
			return err
		}
		made[name] = true
	}
	for _, v := range m.Inputs {
		if v.Name == "" || made[v.Name] {
			return fmt.Errorf("input %q: wanted a name that nothing else has", v.Name)
		}
		made[v.Name] = true
	}
	for i := range m.Nodes {
		if err := m.Nodes[i].check(made); err != nil {
			return fmt.Errorf("node %s: %w", m.Nodes[i].Label(), err)
		}
	}
	return m.checkOutputs(made)
}

// check reports whether the node's inputs are in made and adds its outputs.
func (n *Node) check(made map[string]bool) error {
	for i, in := range n.Inputs {
		if in != "" && !made[in] {
			return fmt.Errorf("input %d, %q, is made by nothing before it", i, in)
		}
	}
	for i, out := range n.Outputs {
		if made[out] {
			return fmt.Errorf("output %d, %q, is already made elsewhere", i, out)
		}
		if out != "" {
			made[out] = true
		}
	}
	for name, a := range n.Attrs {
		if t, ok := a.(*Tensor); ok {
			if err := t.check(); err != nil {
				return fmt.Errorf("attribute %q: %w", name, err)
			}
		}
	}
	return nil
}

func (m *Model) checkOutputs(made map[string]bool) error {
	if len(m.Outputs) == 0 {
		return fmt.Errorf("the graph has no outputs")
	}
	seen := map[string]bool{}
	for _, v := range m.Outputs {
		if !made[v.Name] {
			return fmt.Errorf("graph output %q is made by nothing", v.Name)
		}
		if seen[v.Name] {
			return fmt.Errorf("graph output %q is listed twice", v.Name)
		}
		seen[v.Name] = true
	}
	return nil
}

// sortNodes puts the nodes into topological order, keeping the file's order
// where it already is one. A cycle is an error that names nodes on or behind it.
func (m *Model) sortNodes() error {
	maker := map[string]int{} // value → node
	for i, n := range m.Nodes {
		for _, out := range n.Outputs {
			if _, ok := maker[out]; ok && out != "" {
				return fmt.Errorf("nodes %s and %s both make %q", m.Nodes[maker[out]].Label(), n.Label(), out)
			}
			maker[out] = i
		}
	}
	delete(maker, "")
	waits, users, sorted := m.dependencies(maker)
	if sorted {
		return nil
	}
	order := make([]Node, 0, len(m.Nodes))
	var ready []int
	for i, w := range waits {
		if w == 0 {
			ready = append(ready, i)
		}
	}
	for ; len(ready) > 0; ready = ready[1:] {
		order = append(order, m.Nodes[ready[0]])
		for _, u := range users[ready[0]] {
			if waits[u]--; waits[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if len(order) < len(m.Nodes) {
		return fmt.Errorf("the graph has a cycle through or before %s", some(m.waiting(waits)))
	}
	m.Nodes = order
	m.Notes = append(m.Notes, "the file's nodes were not in topological order and have been sorted")
	return nil
}

// dependencies returns, for each node, how many inputs wait for other nodes and
// which nodes use its outputs, and whether file order is topological.
func (m *Model) dependencies(maker map[string]int) (waits []int, users [][]int, sorted bool) {
	waits, users, sorted = make([]int, len(m.Nodes)), make([][]int, len(m.Nodes)), true
	for i, n := range m.Nodes {
		for _, in := range n.Inputs {
			if by, ok := maker[in]; ok {
				waits[i]++
				users[by] = append(users[by], i)
				sorted = sorted && by < i
			}
		}
	}
	return waits, users, sorted
}

// waiting lists the nodes that a cycle holds back.
func (m *Model) waiting(waits []int) (labels []string) {
	for i, w := range waits {
		if w > 0 {
			labels = append(labels, m.Nodes[i].Label())
		}
	}
	return labels
}
