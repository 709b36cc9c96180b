package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// sinceOne lists operators whose form of any operator set from 1 to 6 means the
// same in 7.
var sinceOne = []string{
	"AveragePool", "Conv", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "LRN", "LogSoftmax",
	"MatMul", "MaxPool", "Softmax", "Softplus", "Softsign", "Squeeze", "Transpose", "Unsqueeze",
}

// fromOld rewrites the nodes of operator set old for 7, after ONNX's
// Changelog.md. Of 6, which PyTorch wrote until 2018, it takes nodes in
// evaluation mode: what was broadcast by an attribute is broadcast by NumPy's
// rules where both agree and the file tells the axes. Of older ones it takes
// what means the same in 7.
func (m *Model) fromOld(old int64) error {
	ranks := m.ranks()
	for i := range m.Nodes {
		n := &m.Nodes[i]
		var err error
		if old == 6 {
			err = m.nodeFromSix(n, ranks)
		} else if !slices.Contains(sinceOne, n.Op) {
			err = errors.New("it may have changed before 7 (convert the file with onnx.version_converter)")
		}
		if err != nil {
			return fmt.Errorf("node %s of operator set %d: %w", n.Label(), old, err)
		}
	}
	m.Notes = append(m.Notes, fmt.Sprintf("the file's operator set %d is read as 7", old))
	return nil
}

// nodeFromSix rewrites one node.
func (m *Model) nodeFromSix(n *Node, ranks map[string]int) error {
	switch n.Op {
	case "Add", "Sub", "Mul", "Div":
		return broadcastFromSix(n, ranks)
	case "PRelu":
		return m.slopeFromSix(n, ranks)
	case "Gemm":
		delete(n.Attrs, "broadcast")
	case "BatchNormalization", "Dropout":
		if n.Int("is_test", 0) == 0 {
			return errors.New("is_test is 0, wanted a network in evaluation mode: export it again after model.eval()")
		}
		delete(n.Attrs, "is_test")
	}
	return nil
}

// broadcastFromSix checks that the axis from which the second input was
// repeated is the one that NumPy's rules take: they line shapes up at the end.
func broadcastFromSix(n *Node, ranks map[string]int) error {
	if n.Has("axis") && len(n.Inputs) == 2 {
		a, b := ranks[n.Inputs[0]], ranks[n.Inputs[1]]
		axis := n.Int("axis", 0)
		if axis < 0 {
			axis += int64(a)
		}
		if a == 0 || b == 0 || axis+int64(b) != int64(a) {
			return fmt.Errorf("axis is %d, wanted second inputs that line up with the end of the first (convert the file with onnx.version_converter)", axis)
		}
	}
	delete(n.Attrs, "axis")
	delete(n.Attrs, "broadcast")
	return nil
}

// slopeFromSix turns a PRelu's slope (C) into (C,1,…), as NumPy's rules want
// one number a channel. It must be a weight, and the input's rank known: see ranks.
func (m *Model) slopeFromSix(n *Node, ranks map[string]int) error {
	if len(n.Inputs) != 2 {
		return fmt.Errorf("wanted 2 inputs, found %d", len(n.Inputs))
	}
	slope, rank := m.Weights[n.Inputs[1]], ranks[n.Inputs[0]]
	switch {
	case slope != nil && (len(slope.Shape) != 1 || slope.Shape[0] == 1):
		return nil // one number for all
	case slope == nil || rank < 2:
		return errors.New("wanted a slope that is a weight, and an input whose number of axes the file tells (convert the file with onnx.version_converter)")
	}
	wide := *slope
	wide.Name += "_channels"
	for len(wide.Shape) < rank-1 {
		wide.Shape = append(wide.Shape[:len(wide.Shape):len(wide.Shape)], 1)
	}
	if other, taken := m.Weights[wide.Name]; taken && !(slices.Equal(other.Shape, wide.Shape) && bytes.Equal(other.Raw, wide.Raw)) {
		return fmt.Errorf("the name %q is taken", wide.Name)
	}
	m.Weights[wide.Name], n.Inputs[1] = &wide, wide.Name
	return nil
}

// keepsRank lists operators whose output has as many axes as their first input.
var keepsRank = []string{
	"AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose", "Dropout", "Elu", "GlobalAveragePool", "GlobalMaxPool",
	"Identity", "InstanceNormalization", "LRN", "LeakyRelu", "MaxPool", "PRelu", "Pad", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh", "Transpose",
}

// ranks are the numbers of axes of values: of weights and declared inputs, and
// of what nodes make of them, as far as the file tells.
func (m *Model) ranks() map[string]int {
	known := map[string]int{}
	for name, t := range m.Weights {
		known[name] = len(t.Shape)
	}
	for _, v := range m.Inputs {
		if v.Shape != nil {
			known[v.Name] = len(v.Shape)
		}
	}
	for _, n := range m.Nodes {
		if len(n.Inputs) == 0 || len(n.Outputs) == 0 {
			continue
		}
		if r, ok := known[n.Inputs[0]]; ok && slices.Contains(keepsRank, n.Op) {
			known[n.Outputs[0]] = r
		} else if n.Op == "Flatten" || n.Op == "Gemm" {
			known[n.Outputs[0]] = 2
		}
	}
	return known
}
