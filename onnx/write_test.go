package onnx

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// drawModel makes a sorted, valid model that means nothing.
func drawModel(t *rapid.T) *Model {
	m := &Model{
		IRVersion: rapid.Int64Range(MinIR, MaxIR).Draw(t, "ir"), Opset: rapid.Int64Range(MinOpset, MaxOpset).Draw(t, "opset"),
		Producer: rapid.String().Draw(t, "producer"), ProducerVersion: "1", Doc: rapid.String().Draw(t, "doc"),
		Metadata: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata"),
		Name:     rapid.String().Draw(t, "name"), Weights: map[string]*Tensor{},
	}
	values := []string{""}
	for i := range rapid.IntRange(1, 3).Draw(t, "inputs") {
		v := ValueInfo{Name: fmt.Sprint("in", i), Type: Uint8, Shape: drawShape(t)}
		m.Inputs, values = append(m.Inputs, v), append(values, v.Name)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "weights") {
		w := drawTensor(t, fmt.Sprint("w", i))
		m.Weights[w.Name], values = w, append(values, w.Name)
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "nodes") {
		n := Node{Name: rapid.String().Draw(t, "node"), Op: rapid.StringMatching("[A-Z][a-z]{3}").Draw(t, "op"), Attrs: drawAttrs(t)}
		n.Inputs = rapid.SliceOfN(rapid.SampledFrom(values), 0, 4).Draw(t, "takes")
		for j := range rapid.IntRange(1, 3).Draw(t, "makes") {
			n.Outputs = append(n.Outputs, fmt.Sprint("v", i, "_", j))
		}
		m.Nodes, values = append(m.Nodes, n), append(values, n.Outputs...)
	}
	for _, v := range rapid.SliceOfNDistinct(rapid.SampledFrom(values[1:]), 1, 2, rapid.ID).Draw(t, "outputs") {
		m.Outputs = append(m.Outputs, ValueInfo{Name: v, Type: Float, Shape: drawShape(t)})
	}
	return m
}

func drawShape(t *rapid.T) []Dim {
	if rapid.Bool().Draw(t, "unknown rank") {
		return nil
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Dim {
		if rapid.Bool().Draw(t, "dynamic") {
			return Dim{Size: -1, Param: rapid.SampledFrom([]string{"", "N", "batch size"}).Draw(t, "axis")}
		}
		return Dim{Size: rapid.Int64Range(1, math.MaxInt64).Draw(t, "size")}
	}), 0, 4).Draw(t, "shape")
}

func drawTensor(t *rapid.T, name string) *Tensor {
	w := &Tensor{Name: name, Type: rapid.SampledFrom([]DataType{Float, Int32, Int64, Bool, Float16, Double, BFloat16}).Draw(t, "type")}
	w.Shape = rapid.SliceOfN(rapid.Int64Range(0, 4), 0, 3).Draw(t, "dims")
	n, _ := w.Elements()
	w.Raw = rapid.SliceOfN(rapid.Byte(), int(n*w.Type.Size()), int(n*w.Type.Size())).Draw(t, "raw")
	return w
}

func drawAttrs(t *rapid.T) map[string]any {
	attrs := map[string]any{}
	for i := range rapid.IntRange(0, 3).Draw(t, "attributes") {
		var v any
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			v = rapid.Float32().Draw(t, "float")
		case 1:
			v = rapid.Int64().Draw(t, "int")
		case 2:
			v = rapid.String().Draw(t, "text")
		case 3:
			v = rapid.SliceOf(rapid.Float32()).Draw(t, "floats")
		case 4:
			v = rapid.SliceOf(rapid.Int64()).Draw(t, "ints")
		case 5:
			v = rapid.SliceOf(rapid.String()).Draw(t, "texts")
		case 6:
			v = drawTensor(t, "value")
		}
		attrs[fmt.Sprint("a", i)] = v
	}
	return attrs
}

// same compares models, but for the path, the notes and nil against empty
// lists. A shape that is not given stays different from a scalar's.
func same(a, b *Model) string {
	ranks := func(m *Model) (known []bool) {
		for _, v := range slices.Concat(m.Inputs, m.Outputs) {
			known = append(known, v.Shape != nil)
		}
		return known
	}
	return cmp.Diff(ranks(a), ranks(b)) + cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.EquateNaNs(),
		cmpopts.IgnoreUnexported(Model{}), cmpopts.IgnoreFields(Model{}, "Path", "Notes"))
}

func TestReadWriteProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		var first, second bytes.Buffer
		if err := Write(&first, m); err != nil {
			t.Fatal(err)
		}
		again := &Model{Weights: map[string]*Tensor{}}
		if err := again.parse(first.Bytes()); err != nil {
			t.Fatal(err)
		}
		if d := same(m, again); d != "" {
			t.Fatalf("read(write(m)) differs from m:\n%s", d)
		}
		if err := Write(&second, again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatal("writing again gave other bytes")
		}
	})
}

// Weights follow the order of their use, and the map's order never shows.
func TestWriteOrder(t *testing.T) {
	m := &Model{IRVersion: 8, Opset: 13, Inputs: []ValueInfo{{Name: "x", Type: Float}}, Outputs: []ValueInfo{{Name: "y", Type: Float}}, Weights: map[string]*Tensor{}}
	for _, name := range []string{"late", "b", "a", "unused2", "unused1"} {
		m.Weights[name] = NewInts(name, nil, 1)
	}
	m.Nodes = []Node{{Op: "Sum", Inputs: []string{"x", "b", "a"}, Outputs: []string{"t"}}, {Op: "Sum", Inputs: []string{"t", "late", "a"}, Outputs: []string{"y"}}}
	var names []string
	for _, w := range m.weightOrder() {
		names = append(names, w.Name)
	}
	if got := strings.Join(names, " "); got != "b a late unused1 unused2" {
		t.Errorf("order %s", got)
	}
}

// Large weights lie aligned in the file, so that Floats need not copy them.
func TestWriteAligned(t *testing.T) {
	for shift := range 12 {
		m := &Model{IRVersion: 8, Opset: 13, Name: strings.Repeat("n", shift), Outputs: []ValueInfo{{Name: "0"}}, Weights: map[string]*Tensor{}}
		for i := range 9 {
			name := strings.Repeat("w", i) + "0"
			n := int64(1024 + i*1000)
			m.Weights[name] = NewFloats(name, []int64{n}, make([]float32, n))
		}
		path := filepath.Join(t.TempDir(), "m.onnx")
		if err := WriteFile(path, m); err != nil {
			t.Fatal(err)
		}
		again, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		for name, w := range again.Weights {
			f, err := w.Floats()
			if err != nil {
				t.Fatal(err)
			}
			if littleEndian && unsafe.Pointer(&f[0]) != unsafe.Pointer(&w.Raw[0]) {
				t.Errorf("shift %d: weight %q is copied", shift, name)
			}
		}
	}
}

// A model that cannot be written leaves the old file and no other.
func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := &Model{IRVersion: 8, Opset: 13, Outputs: []ValueInfo{{Name: "w"}}, Weights: map[string]*Tensor{"w": NewFloats("w", []int64{3}, []float32{1})}}
	err := WriteFile(path, m)
	if err == nil || !strings.Contains(err.Error(), "wants 12 bytes, found 4") {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the old file became %q", b)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("files left behind: %v", entries)
	}
}

// Over 2 GiB no reader of ONNX could take the file. The zeros are never touched.
func TestWriteTooLarge(t *testing.T) {
	zeros := make([]byte, 1<<29)
	m := &Model{IRVersion: 8, Opset: 13, Outputs: []ValueInfo{{Name: "w0"}}, Weights: map[string]*Tensor{}}
	for i := range 4 {
		name := fmt.Sprint("w", i)
		m.Weights[name] = &Tensor{Name: name, Type: Float, Shape: []int64{1 << 27}, Raw: zeros}
	}
	var out bytes.Buffer
	err := Write(&out, m)
	t.Log(err)
	if err == nil || !strings.Contains(err.Error(), "2 GiB") || out.Len() > 0 {
		t.Errorf("%d bytes written, error %v", out.Len(), err)
	}
}

func TestDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "abc")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	if got, err := Digest(path); got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}
