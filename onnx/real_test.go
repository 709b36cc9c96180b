package onnx_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// The real networks: counted with the onnx package of Python, written, read
// again and compared byte by byte.
func TestRealFiles(t *testing.T) {
	for _, c := range []struct {
		file                      string
		opset                     int64
		nodes, convs, weights, bn int
	}{{"resnet18.onnx", 11, 69, 20, 102, 20}, {"resnet50.onnx", 12, 175, 53, 267, 53}} {
		t.Run(c.file, func(t *testing.T) {
			m := read(t, testkit.Data(t, "weights/"+c.file))
			ops := map[string]int{}
			for _, n := range m.Nodes {
				ops[n.Op]++
			}
			if m.Opset != c.opset || len(m.Nodes) != c.nodes || ops["Conv"] != c.convs ||
				ops["BatchNormalization"] != c.bn || len(m.Weights) != c.weights {
				t.Errorf("opset %d, %d nodes, %v, %d weights; wanted %+v", m.Opset, len(m.Nodes), ops, len(m.Weights), c)
			}
			in := m.Inputs[0]
			if len(m.Inputs) != 1 || in.Shape[0] != (onnx.Dim{Size: -1, Param: "batch"}) || in.Shape[3].Size != 224 {
				t.Errorf("inputs %+v", m.Inputs)
			}
			before := slices.Clone(m.Weights[m.Nodes[0].Inputs[1]].Raw)
			m.Release()
			if !bytes.Equal(m.Weights[m.Nodes[0].Inputs[1]].Raw, before) {
				t.Error("a weight is another after Release")
			}
			path := filepath.Join(t.TempDir(), "again.onnx")
			if err := onnx.WriteFile(path, m); err != nil {
				t.Fatal(err)
			}
			again := read(t, path)
			for name, w := range m.Weights {
				if !bytes.Equal(again.Weights[name].Raw, w.Raw) {
					t.Errorf("weight %q changed", name)
				}
			}
		})
	}
}

// read opens a file that must be good and closes it after the test.
func read(t *testing.T, path string) *onnx.Model {
	t.Helper()
	m, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}
