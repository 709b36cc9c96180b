package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/onnx"
)

// wanted is the names of the outputs to compute.
func (im *importer) wanted() ([]string, error) {
	if len(im.o.Outputs) > 0 {
		return im.o.Outputs, nil
	}
	var names []string
	for _, v := range im.m.Outputs {
		names = append(names, v.Name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the network has no output")
	}
	return names, nil
}

// needed sets im.nodes to the nodes that the outputs depend on, in file order,
// stopping at constants and at the value fed, and returns the inputs reached.
func (im *importer) needed(outputs []string) ([]onnx.ValueInfo, error) {
	maker := map[string]int{}
	for i, n := range im.m.Nodes {
		for _, name := range n.Outputs {
			if name != "" {
				maker[name] = i
			}
		}
	}
	if in := im.o.Input; in != "" {
		if _, ok := maker[in]; !ok && !im.isInput(in) {
			return nil, fmt.Errorf("there is no value %q to feed; %s", in, im.someNames())
		}
		delete(maker, in)
	}
	for _, name := range outputs {
		if _, ok := maker[name]; !ok && !im.isInput(name) && name != im.o.Input {
			return nil, fmt.Errorf("there is no value %q; %s", name, im.someNames())
		}
	}
	need, reached := map[int]bool{}, map[string]bool{}
	for todo := slices.Clone(outputs); len(todo) > 0; {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		i, made := maker[name]
		if im.consts[name] != nil || name == "" || reached[name] || made && need[i] {
			continue
		}
		if !made {
			reached[name] = true
			continue
		}
		need[i] = true
		todo = append(todo, im.m.Nodes[i].Inputs...)
	}
	for i := range im.m.Nodes {
		if need[i] {
			im.nodes = append(im.nodes, &im.m.Nodes[i])
		}
	}
	return im.reachedInputs(reached)
}

// reachedInputs are the declared inputs that the outputs depend on. When an
// inner value is fed it must separate the outputs from all of them.
func (im *importer) reachedInputs(reached map[string]bool) ([]onnx.ValueInfo, error) {
	var inputs []onnx.ValueInfo
	for _, v := range im.m.Inputs {
		if !reached[v.Name] {
			continue
		}
		if im.o.Input != "" && v.Name != im.o.Input {
			return nil, fmt.Errorf("feeding %q is not enough: the outputs also depend on input %q", im.o.Input, v.Name)
		}
		inputs = append(inputs, v)
	}
	return inputs, nil
}

// isInput reports whether the file declares an input of that name.
func (im *importer) isInput(name string) bool {
	return slices.ContainsFunc(im.m.Inputs, func(v onnx.ValueInfo) bool { return v.Name == name })
}

// someNames lists the last values of the network, to type instead.
func (im *importer) someNames() string {
	var names []string
	for i := len(im.m.Nodes) - 1; i >= 0 && len(names) < 8; i-- {
		if outs := im.m.Nodes[i].Outputs; len(outs) > 0 {
			names = append(names, fmt.Sprintf("%q", outs[0]))
		}
	}
	return "the last values are " + strings.Join(names, ", ")
}

// known fails with one error that lists every node without an operator here.
func (im *importer) known() error {
	nodes := map[string][]string{}
	var kinds []string
	for _, n := range im.nodes {
		if _, foldable := folders[n.Op]; foldable || slices.Contains(op.Supported, n.Op) {
			continue
		}
		if nodes[n.Op] == nil {
			kinds = append(kinds, n.Op)
		}
		nodes[n.Op] = append(nodes[n.Op], fmt.Sprintf("%q", nodeName(n)))
	}
	if len(kinds) == 0 {
		return nil
	}
	lines := make([]string, len(kinds))
	for i, k := range kinds {
		lines[i] = k + " at " + strings.Join(nodes[k], ", ")
	}
	return fmt.Errorf("operators that are not supported: %s", strings.Join(lines, "; "))
}
