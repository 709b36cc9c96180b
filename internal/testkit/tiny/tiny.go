// Package tiny makes ONNX files of a few hundred bytes, one for each way that
// an operator is commonly written: seeds for fuzzing, on which every change of
// a byte matters. Nothing but tests imports it.
package tiny

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/onnx"
)

// suite is where Debian's libonnx-testdata puts the official test cases.
const suite = "/usr/share/libonnx-testdata/data"

// suiteBytes is the largest file of the suite that is a seed: a mutation of a
// large one costs much and mostly changes a weight.
const suiteBytes = 4 << 10

// Count is the number of tiny networks.
func Count() int { return len(nets) }

// Read writes b to path and reads it as a model.
func Read(t testing.TB, path string, b []byte) (*onnx.Model, error) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return onnx.Read(path)
}

// Own returns the bytes of the tiny networks, by our own writer.
func Own(t testing.TB) (files [][]byte) {
	t.Helper()
	for i, n := range nets {
		var b bytes.Buffer
		if err := onnx.Write(&b, n.model()); err != nil {
			t.Fatalf("tiny network %d: %v", i, err)
		}
		files = append(files, b.Bytes())
	}
	return files
}

// Files returns Own and the small files of the official suite where that is
// installed.
func Files(t testing.TB) [][]byte {
	t.Helper()
	files := Own(t)
	paths, _ := filepath.Glob(filepath.Join(suite, "*", "*", "model.onnx"))
	for _, p := range paths {
		if info, err := os.Stat(p); err != nil || info.Size() > suiteBytes {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	return files
}

// net is a chain of operators: each reads the result of the one before, which
// is called "" in its inputs, and constants.
type net struct {
	shape []int64 // of the input x; -1 is open
	nodes []node
}

type node struct {
	op    string
	in    []any // "": the result before; "x": the input; []int64: a constant; shape: float weights
	attrs attrs
}

type (
	attrs map[string]any
	shape []int64
)

// model writes the chain down; weights are 0.1, 0.2, …
func (n net) model() *onnx.Model {
	m := &onnx.Model{IRVersion: 8, Opset: 13, Name: "tiny", Weights: map[string]*onnx.Tensor{}}
	var dims []onnx.Dim
	for _, d := range n.shape {
		dims = append(dims, onnx.Dim{Size: d})
	}
	m.Inputs = []onnx.ValueInfo{{Name: "x", Type: onnx.Float, Shape: dims}}
	last := "x"
	for i, c := range n.nodes {
		in := []string{last}
		for j, v := range c.in {
			in = append(in, input(m, fmt.Sprintf("w%d_%d", i, j), last, v))
		}
		last = fmt.Sprintf("y%d", i)
		m.Nodes = append(m.Nodes, onnx.Node{Op: c.op, Inputs: in, Outputs: []string{last}, Attrs: c.attrs})
	}
	m.Outputs = []onnx.ValueInfo{{Name: last, Type: onnx.Float}}
	return m
}

// input is the name of one further input, made a weight where it is numbers.
func input(m *onnx.Model, name, last string, v any) string {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "last", last)
	case []int64:
		m.Weights[name] = onnx.NewInts(name, []int64{int64(len(v))}, v...)
	case shape:
		size := int64(1)
		for _, d := range v {
			size *= d
		}
		data := make([]float32, size)
		for i := range data {
			data[i] = float32(i%13+1) / 10
		}
		m.Weights[name] = onnx.NewFloats(name, v, data)
	}
	return name
}

// one is a network of one operator over a picture (1,2,4,5).
func one(op string, a attrs, in ...any) net {
	return net{shape{1, 2, 4, 5}, []node{{op: op, in: in, attrs: a}}}
}

var nets = []net{
	one("Conv", nil, shape{3, 2, 3, 3}, shape{3}),
	one("Conv", attrs{"strides": []int64{2, 1}, "pads": []int64{1, 0, 1, 2}, "dilations": []int64{1, 2}, "kernel_shape": []int64{3, 3}}, shape{3, 2, 3, 3}),
	one("Conv", attrs{"group": int64(2), "auto_pad": "SAME_UPPER"}, shape{4, 1, 3, 3}),
	one("MaxPool", attrs{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}, "ceil_mode": int64(1)}),
	one("MaxPool", attrs{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}, "dilations": []int64{1, 1}}),
	one("AveragePool", attrs{"kernel_shape": []int64{2, 3}, "pads": []int64{1, 1, 0, 1}, "count_include_pad": int64(1)}),
	one("AveragePool", attrs{"kernel_shape": []int64{2, 2}, "auto_pad": "SAME_LOWER", "strides": []int64{2, 2}}),
	one("GlobalAveragePool", nil), one("GlobalMaxPool", nil),
	one("BatchNormalization", attrs{"epsilon": float32(1e-3)}, shape{2}, shape{2}, shape{2}, shape{2}),
	one("LRN", attrs{"size": int64(3), "alpha": float32(0.1), "beta": float32(0.7), "bias": float32(1)}),
	one("Pad", attrs{"mode": "reflect"}, []int64{0, 0, 1, 2, 0, 0, 1, 0}),
	one("Pad", attrs{"mode": "edge"}, []int64{0, 1, 0, 2, 0, 0, -1, 0}),
	one("Pad", nil, []int64{0, 0, 1, 1, 0, 0, 1, 1}, shape{}),
	one("Clip", nil, shape{}, shape{}), one("LeakyRelu", attrs{"alpha": float32(0.1)}),
	one("HardSigmoid", attrs{"alpha": float32(0.2), "beta": float32(0.5)}), one("HardSwish", nil), one("Sigmoid", nil), one("Tanh", nil),
	one("Softmax", attrs{"axis": int64(1)}), one("LogSoftmax", attrs{"axis": int64(-1)}), one("Dropout", nil),
	one("Flatten", attrs{"axis": int64(2)}), one("Transpose", attrs{"perm": []int64{0, 2, 3, 1}}),
	one("Reshape", nil, []int64{0, -1, 5}), one("Reshape", attrs{"allowzero": int64(1)}, []int64{1, 40}),
	one("Squeeze", nil, []int64{0}), one("Unsqueeze", nil, []int64{0, -1}),
	one("ReduceMean", attrs{"axes": []int64{2, 3}, "keepdims": int64(0)}),
	one("Concat", attrs{"axis": int64(1)}, "last", "x"), one("Sum", nil, "last", shape{5}),
	one("Add", nil, shape{2, 1, 1}), one("Sub", nil, "last"), one("Mul", nil, shape{4, 1}), one("Div", nil, shape{1}),
	one("MatMul", nil, shape{5, 3}), one("Identity", nil),
	{shape{2, 6}, []node{{op: "Gemm", in: []any{shape{4, 6}, shape{4}}, attrs: attrs{"transB": int64(1), "alpha": float32(0.5)}}}},
	{shape{2, 6}, []node{{op: "Gemm", in: []any{shape{2, 3}}, attrs: attrs{"transA": int64(1)}}}},
	// Shape arithmetic, and zeros of the shape that it gives.
	{shape{-1, 2, 4, 5}, []node{
		{op: "Shape"}, {op: "Gather", in: []any{[]int64{0}}, attrs: attrs{"axis": int64(0)}},
		{op: "Concat", in: []any{[]int64{5}}, attrs: attrs{"axis": int64(0)}}, {op: "Slice", in: []any{[]int64{0}, []int64{2}, []int64{0}, []int64{1}}},
		{op: "Unsqueeze", in: []any{[]int64{0}}}, {op: "Squeeze", in: []any{[]int64{0}}}, {op: "Cast", attrs: attrs{"to": int64(7)}},
		{op: "Mul", in: []any{[]int64{1, 1}}}, {op: "ConstantOfShape"}, {op: "Add", in: []any{"x"}},
	}},
	// A picture network: what the passes fold and fuse.
	{shape{-1, 3, 12, 12}, []node{
		{op: "Pad", in: []any{[]int64{0, 0, 1, 1, 0, 0, 1, 1}}}, {op: "Conv", in: []any{shape{4, 3, 3, 3}}, attrs: attrs{"strides": []int64{2, 2}}},
		{op: "BatchNormalization", in: []any{shape{4}, shape{4}, shape{4}, shape{4}}}, {op: "Relu"},
		{op: "MaxPool", attrs: attrs{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}},
		{op: "Conv", in: []any{shape{4, 1, 3, 3}, shape{4}}, attrs: attrs{"group": int64(4), "pads": []int64{1, 1, 1, 1}}},
		{op: "Clip", in: []any{shape{}, shape{}}}, {op: "Add", in: []any{"y4"}}, {op: "Concat", in: []any{"y5"}, attrs: attrs{"axis": int64(1)}},
		{op: "Transpose", attrs: attrs{"perm": []int64{0, 2, 3, 1}}}, {op: "Transpose", attrs: attrs{"perm": []int64{0, 3, 1, 2}}},
		{op: "GlobalAveragePool"}, {op: "Flatten"}, {op: "MatMul", in: []any{shape{8, 2}}}, {op: "Add", in: []any{shape{2}}}, {op: "Softmax"},
	}},
}
