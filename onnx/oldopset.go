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
// Changelog.md. Of 6, which PyTorch wrote until 2018, it knows every node: what
// was broadcast by an attribute is broadcast by NumPy's rules, and training is
// no attribute any more. Of older ones it takes what means the same in 7.
func (m *Model) fromOld(old int64) error {
	for i := range m.Nodes {
		n := &m.Nodes[i]
		var err error
		if old == 6 {
			err = m.nodeFromSix(n)
		} else if !slices.Contains(sinceOne, n.Op) {
			err = errors.New("it may have changed before 7: convert the file with onnx.version_converter")
		}
		if err != nil {
			return fmt.Errorf("node %s of operator set %d: %w", n.Label(), old, err)
		}
	}
	m.Notes = append(m.Notes, fmt.Sprintf("the file's operator set %d is read as 7", old))
	return nil
}

// nodeFromSix rewrites one node.
func (m *Model) nodeFromSix(n *Node) error {
	switch n.Op {
	case "Add", "Sub", "Mul", "Div":
		return m.broadcastFromSix(n)
	case "PRelu":
		return m.slopeFromSix(n)
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
func (m *Model) broadcastFromSix(n *Node) error {
	if n.Has("axis") && len(n.Inputs) == 2 {
		a, b := m.declaredRank(n.Inputs[0]), m.declaredRank(n.Inputs[1])
		axis := n.Int("axis", 0)
		if axis < 0 {
			axis += int64(a)
		}
		if a < 0 || b < 0 || axis+int64(b) != int64(a) {
			return fmt.Errorf("axis is %d, wanted second inputs that line up with the end of the first: convert the file with onnx.version_converter", axis)
		}
	}
	delete(n.Attrs, "axis")
	delete(n.Attrs, "broadcast")
	return nil
}

// slopeFromSix turns a PRelu's slope (C) into (C,1,…), as NumPy's rules want
// one number a channel. It must be a weight, and the input's rank known.
func (m *Model) slopeFromSix(n *Node) error {
	if len(n.Inputs) != 2 {
		return fmt.Errorf("wanted 2 inputs, found %d", len(n.Inputs))
	}
	slope, rank := m.Weights[n.Inputs[1]], m.declaredRank(n.Inputs[0])
	switch {
	case slope != nil && (len(slope.Shape) != 1 || slope.Shape[0] == 1):
		return nil // one number for all
	case slope == nil || rank < 2:
		return errors.New("wanted a slope that is a weight, and an input of declared shape: convert the file with onnx.version_converter")
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

// declaredRank is the number of axes of a weight or of an input, -1 where the
// file does not say.
func (m *Model) declaredRank(name string) int {
	if t := m.Weights[name]; t != nil {
		return len(t.Shape)
	}
	for _, v := range m.Inputs {
		if v.Name == name && v.Shape != nil {
			return len(v.Shape)
		}
	}
	return -1
}
