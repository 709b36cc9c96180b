package onnx

import (
	"slices"
	"strings"
	"testing"
)

// tensorInput declares an input of one size for each axis.
func tensorInput(name string, sizes ...int64) []byte {
	var shape []byte
	for _, n := range sizes {
		shape = append(shape, msg(1, number(1, n))...)
	}
	return msg(11, text(1, name), msg(2, msg(1, number(1, 1), msg(2, shape))))
}

// A node of an operator set before 7 is read as 7 where it can be, and refused
// with its reason where not.
func TestOldOperatorSets(t *testing.T) {
	one := func(name string, v int64) []byte { return attribute(name, attrInt, number(3, v)) }
	sum := func(more ...[]byte) []byte {
		return msg(1, text(1, "x"), text(1, "b"), text(2, "y"), text(4, "Add"), slices.Concat(more...))
	}
	for _, c := range []struct {
		name string
		set  int64
		node []byte
		want string // of the error; "" is none
	}{
		{"pool of 1", 1, node("GlobalMaxPool", "x", "y"), ""},
		{"relu of 1", 1, node("Relu", "x", "y"), `(Relu) of operator set 1: it may have changed`},
		{"relu of 6", 6, node("Relu", "x", "y"), ""},
		{"sum", 6, sum(), ""},
		{"sum at the end", 6, sum(one("broadcast", 1)), ""},
		{"sum at axis 2", 6, sum(one("broadcast", 1), one("axis", 2)), ""},
		{"sum at axis -2", 6, sum(one("broadcast", 1), one("axis", -2)), ""},
		{"sum at axis 1", 6, sum(one("broadcast", 1), one("axis", 1)), "axis is 1, wanted"},
		{"norm in evaluation", 6, node("BatchNormalization", "x", "y", one("is_test", 1)), ""},
		{"norm in training", 6, node("BatchNormalization", "x", "y"), "is_test is 0"},
		{"dropout in training", 6, node("Dropout", "x", "y", one("is_test", 0)), "is_test is 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &Model{Path: "old.onnx", Weights: map[string]*Tensor{}}
			err := m.parse(version(3, c.set, tensorInput("x", 2, 3, 4, 5), tensorInput("b", 4, 5), c.node, output("y")))
			switch {
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q in it", err, c.want)
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "" && (m.Opset != 7 || m.Nodes[0].Has("axis") || m.Nodes[0].Has("broadcast") || m.Nodes[0].Has("is_test")):
				t.Errorf("operator set %d, attributes %v", m.Opset, m.Nodes[0].Attrs)
			case c.want == "" && len(m.Notes) != 1:
				t.Errorf("notes are %q, want one that says what it is read as", m.Notes)
			}
		})
	}
}

// A slope for each channel is laid along the channels.
func TestOldSlope(t *testing.T) {
	prelu := func(x string) []byte { return msg(1, text(1, x), text(1, "w"), text(2, "y"), text(4, "PRelu")) }
	three := weight([]int64{3}, "123412341234")
	m := &Model{Path: "old.onnx", Weights: map[string]*Tensor{}}
	if err := m.parse(version(3, 6, three, tensorInput("x", 2, 3, 4, 3), prelu("x"), output("y"))); err != nil {
		t.Fatal(err)
	}
	if w := m.Weights[m.Nodes[0].Inputs[1]]; w == nil || !slices.Equal(w.Shape, []int64{3, 1, 1}) {
		t.Errorf("slope is %+v, want (3,1,1)", w)
	}
	m = &Model{Path: "old.onnx", Weights: map[string]*Tensor{}}
	if err := m.parse(version(3, 6, three, tensorInput("x", 2, 3, 4, 3), node("Relu", "x", "g"), node("MaxPool", "g", "h"), prelu("h"), output("y"))); err != nil {
		t.Fatal(err)
	}
	if w := m.Weights[m.Nodes[2].Inputs[1]]; w == nil || !slices.Equal(w.Shape, []int64{3, 1, 1}) {
		t.Errorf("slope behind other nodes is %+v, want (3,1,1)", w)
	}
	for _, nodes := range [][]byte{node("Squeeze", "x", "h"), node("Relu", "h", "h")} {
		m = &Model{Path: "old.onnx", Weights: map[string]*Tensor{}}
		err := m.parse(version(3, 6, three, tensorInput("x", 2, 3, 4, 3), nodes, prelu("h"), output("y")))
		if err == nil || !strings.Contains(err.Error(), "an input whose number of axes the file tells") {
			t.Errorf("an input of unknown rank: %v", err)
		}
	}
}

// A file of one tensor is read; what is none is an error that names it.
func TestReadTensor(t *testing.T) {
	path := t.TempDir() + "/input_0.pb"
	for _, c := range []struct {
		data []byte
		want string
	}{
		{slices.Concat(number(1, 2), number(2, int64(Float)), text(9, "\x00\x00\x80?\x00\x00\x00@")), ""},
		{slices.Concat(number(1, 3), number(2, int64(Float)), text(9, "12345678")), "wants 12 bytes, found 8"},
		{slices.Concat(number(1, 1), number(2, int64(String))), "string are not supported"},
		{[]byte{0xff}, "at byte 0"},
	} {
		writeAll(t, path, c.data)
		x, err := ReadTensor(path)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := x.Floats(); err != nil || !slices.Equal(got, []float32{1, 2}) {
			t.Errorf("read %v (%v), want 1 and 2", got, err)
		}
	}
	if _, err := ReadTensor(path + "x"); err == nil {
		t.Error("a missing file is read")
	}
}
