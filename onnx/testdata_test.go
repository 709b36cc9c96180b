package onnx_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tlkit/tl/onnx"
)

// golden is what Python's onnx finds in one file of testdata.
type golden struct {
	Nodes   []string // operators without Constant
	Weights map[string]struct {
		Shape  []int64
		Values []string
	}
}

func goldens(t *testing.T, dir string) map[string]golden {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g map[string]golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// Files made by Python's onnx (internal/testkit/oracle/onnx_files.py) in every
// storage form: read, and read again as we write them.
func TestForms(t *testing.T) { checkForms(t, "testdata") }

func checkForms(t *testing.T, dir string) {
	for name, want := range goldens(t, dir) {
		t.Run(name, func(t *testing.T) {
			m := read(t, filepath.Join(dir, name+".onnx"))
			want.check(t, m)
			path := filepath.Join(t.TempDir(), "again.onnx")
			if err := onnx.WriteFile(path, m); err != nil {
				t.Fatal(err)
			}
			want.check(t, read(t, path))
		})
	}
}

func (g golden) check(t *testing.T, m *onnx.Model) {
	t.Helper()
	var ops []string
	for _, n := range m.Nodes {
		ops = append(ops, n.Op)
	}
	if !slices.Equal(sorted(ops), sorted(g.Nodes)) {
		t.Errorf("nodes %v, wanted %v", ops, g.Nodes)
	}
	if len(m.Weights) != len(g.Weights) {
		t.Errorf("%d weights, wanted %d", len(m.Weights), len(g.Weights))
	}
	for name, want := range g.Weights {
		w := m.Weights[name]
		if w == nil || !slices.Equal(w.Shape, want.Shape) {
			t.Errorf("weight %q: %+v, wanted shape %v", name, w, want.Shape)
			continue
		}
		if got := values(t, w); !slices.Equal(got, want.Values) {
			t.Errorf("weight %q: %v, wanted %v", name, got, want.Values)
		}
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// values prints the elements as Python does.
func values(t *testing.T, w *onnx.Tensor) []string {
	t.Helper()
	out := []string{}
	if ints, err := w.Ints(); err == nil {
		for _, v := range ints {
			out = append(out, strconv.FormatInt(v, 10))
		}
		return out
	}
	floats, err := w.Floats()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range floats {
		s := strconv.FormatFloat(float64(v), 'g', -1, 64)
		if math.IsInf(float64(v), 0) {
			s = strings.ToLower(strings.TrimPrefix(s, "+"))
		} else if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		out = append(out, s)
	}
	return out
}

// What golden.json does not hold.
func TestFormDetails(t *testing.T) {
	open := func(name string) *onnx.Model { return read(t, filepath.Join("testdata", name+".onnx")) }

	if m := open("ir3"); len(m.Inputs) != 1 || m.Inputs[0].Name != "x" || m.IRVersion != 3 {
		t.Errorf("an initializer stayed an input: %+v", m.Inputs)
	}
	want := []onnx.Dim{{Size: -1, Param: "N"}, {Size: -1}, {Size: 224}, {Size: -1, Param: "width"}}
	if m := open("dynamic"); !slices.Equal(m.Inputs[0].Shape, want) || !slices.Equal(m.Outputs[0].Shape, want) {
		t.Errorf("dynamic axes: %+v", m.Inputs[0].Shape)
	}
	if n := open("same_input").Nodes[0]; !slices.Equal(n.Inputs, []string{"x", "x"}) {
		t.Errorf("Add(x, x) takes %q", n.Inputs)
	}
	if n := open("omitted_input").Nodes[0]; !slices.Equal(n.Inputs, []string{"x", "", "w"}) || n.Name != "clip" {
		t.Errorf("Clip %q takes %q", n.Name, n.Inputs)
	}
	if n := open("two_outputs").Nodes[0]; !slices.Equal(n.Inputs, []string{"x"}) || !slices.Equal(n.Outputs, []string{"y", "i"}) {
		t.Errorf("MaxPool takes %q and makes %q", n.Inputs, n.Outputs)
	}
	if m := open("unsorted"); m.Nodes[0].Op != "Relu" || len(m.Notes) != 1 {
		t.Errorf("not sorted: %v, %v", m.Nodes, m.Notes)
	}
	if m := open("half_raw"); !slices.Equal(m.Notes, []string{"1 float16 weight is used as float32"}) {
		t.Errorf("notes %q", m.Notes)
	}
	m := open("metadata")
	if m.Metadata["classes"] != "Parasitized,Uninfected" || len(m.Metadata) != 2 || m.Doc != "a model" ||
		m.Producer != "oracle" || m.ProducerVersion != "1.2" || m.Name != "g" {
		t.Errorf("metadata %+v", m)
	}
}

func TestAttributes(t *testing.T) {
	m := read(t, "testdata/attributes.onnx")
	conv, lrn := &m.Nodes[0], &m.Nodes[1]
	if !slices.Equal(conv.Ints("pads"), []int64{0, 1, 2, 3}) || conv.Str("auto_pad", "") != "NOTSET" || conv.Name != "conv" {
		t.Errorf("Conv %+v", conv)
	}
	if lrn.Float("alpha", 0) != 1e-4 || lrn.Int("size", 0) != 5 || !lrn.Has("bias") || lrn.Float("bias", 1) != 0 {
		t.Errorf("LRN %+v", lrn)
	}
	if conv.Int("group", 1) != 1 || lrn.Float("beta", 0.75) != 0.75 || conv.Ints("dilations") != nil || conv.Int("pads", 9) != 9 {
		t.Error("defaults")
	}
	c := read(t, "testdata/constants.onnx")
	fill := c.Nodes[0].Tensor("value")
	if f, err := fill.Floats(); err != nil || !slices.Equal(f, []float32{2}) || c.Nodes[0].Name != "fill" {
		t.Errorf("ConstantOfShape value %v, %v", f, err)
	}
}

// A closed model answers with an error where its weights lay in the file.
func TestClose(t *testing.T) {
	m, err := onnx.Read("testdata/raw.onnx")
	if err != nil {
		t.Fatal(err)
	}
	w := m.Weights["w"]
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err := w.Floats(); err == nil {
		t.Errorf("a closed file's weight reads as %v", f)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestCut(t *testing.T) {
	m := read(t, "testdata/external.onnx") // y = Gemm(x, w), z = Add(y, b)
	c := m.Cut("y")
	if len(c.Nodes) != 1 || len(c.Weights) != 1 || c.Weights["w"] == nil || c.Outputs[0].Name != "y" || len(c.Inputs) != 1 {
		t.Errorf("cut at y: %+v", c)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if len(m.Nodes) != 2 || len(m.Weights) != 2 || len(m.Outputs) != 1 {
		t.Errorf("the whole model changed: %+v", m)
	}
	if err := m.Cut("nowhere").Check(); err == nil || !strings.Contains(err.Error(), `"nowhere" is made by nothing`) {
		t.Errorf("cut at an unknown value: %v", err)
	}
}
