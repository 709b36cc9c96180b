package op_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// caseFile is what internal/testkit/oracle/op_cases.py writes.
type caseFile struct {
	Refused []string
	Cases   []nodeCase
	data    []float32
}

// nodeCase is one node, what goes in and what comes out.
type nodeCase struct {
	Op     string
	Opset  int64
	Attrs  map[string]any
	Inputs []*caseArray
	Output caseArray

	Dy    *caseArray   // of op_gradients.py
	Grads []*caseArray // one for each input, nil where there is none
}

type caseArray struct {
	Shape    []int64
	At       int     // index of the first number in data
	Ints     []int64 // instead of At
	Constant bool
}

func readCases(t *testing.T, folder string) (f caseFile) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	if err := decoder.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile(filepath.Join(folder, "data.bin")); err != nil {
		t.Fatal(err)
	}
	f.data = make([]float32, len(raw)/4)
	for i := range f.data {
		f.data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return f
}

// run compares FromONNX and Forward of every case with its output, and
// Backward with its gradients.
func (f *caseFile) run(t *testing.T, kinds []string) {
	d := device(t)
	defer d.Close()
	seen := map[string]int{}
	for i, c := range f.Cases {
		seen[c.Op]++
		t.Run(fmt.Sprintf("%d_%s_%d", i, c.Op, c.Opset), func(t *testing.T) { f.one(t, d, c) })
	}
	for _, kind := range kinds {
		if seen[kind] == 0 {
			t.Errorf("no case of %s", kind)
		}
	}
}

func (f *caseFile) one(t *testing.T, d *cpu.Device, c nodeCase) {
	node := &onnx.Node{Op: c.Op, Attrs: attrs(c.Attrs), Outputs: []string{"y"}}
	var consts []*onnx.Tensor
	var in []tensor.Shape
	var x []*tensor.Tensor
	for i, a := range c.Inputs {
		name, value, constant := f.input(i, a)
		node.Inputs, x, consts = append(node.Inputs, name), append(x, value), append(consts, constant)
		in = append(in, nil)
		if a != nil {
			in[i] = shape(a.Shape)
		}
	}
	o, used, err := op.FromONNX(node, c.Opset, consts, in)
	if err != nil {
		t.Fatalf("%v of %v: %v", c.Attrs, in, err)
	}
	args := make([]*tensor.Tensor, len(used))
	for i, u := range used {
		args[i] = x[u]
	}
	y := tensor.New(shapeOf(t, o, args)...)
	if !y.Shape.Equal(shape(c.Output.Shape)) {
		t.Fatalf("%+v of %v: shape %v, want %v", o, in, y.Shape, c.Output.Shape)
	}
	o.Forward(d, y, args...)
	name := fmt.Sprintf("%+v of %v", o, in)
	f.output(t, name, o, y.Data, f.numbers(&c.Output), args[0].Data)
	if c.Dy != nil {
		f.gradients(t, d, name, c, o.(op.Differentiable), used, y, args)
	}
}

// output compares what Forward gave. A mean of x's numbers that cancel has few
// digits of its own, and sums in another order differ there: it is compared
// within testkit.Loose, and closer together with the numbers.
func (f *caseFile) output(t *testing.T, name string, o op.Op, got, want, x []float32) {
	switch o.(type) {
	case op.GlobalAveragePool, op.AveragePool, op.ReduceMean:
		testkit.Compare(t, name+" alone", got, want, testkit.Loose)
		got, want = slices.Concat(got, x), slices.Concat(want, x)
	}
	testkit.Compare(t, name, got, want, testkit.Float)
}

// gradients compares Backward with the case's: each gradient within
// testkit.Loose of its own size, and closer relative to it together with dy,
// because where tanh or softmax is saturated, a float32 y tells little of a
// gradient that is nearly nothing.
func (f *caseFile) gradients(t *testing.T, d *cpu.Device, name string, c nodeCase, o op.Differentiable, used []int, y *tensor.Tensor, x []*tensor.Tensor) {
	dx := make([]*tensor.Tensor, len(x))
	for i, u := range used {
		if c.Grads[u] != nil {
			dx[i] = tensor.New(x[i].Shape...)
		}
	}
	dy := f.numbers(c.Dy)
	o.Backward(d, dx, tensor.Of(dy, y.Shape...), y, x...)
	for i, u := range used {
		if dx[i] != nil {
			testkit.Compare(t, fmt.Sprintf("%s: gradient by input %d alone", name, u), dx[i].Data, f.numbers(c.Grads[u]), testkit.Loose)
			got, want := slices.Concat(dx[i].Data, dy), slices.Concat(f.numbers(c.Grads[u]), dy)
			testkit.Compare(t, fmt.Sprintf("%s: gradient by input %d", name, u), got, want, testkit.Float)
		}
	}
}

func (f *caseFile) numbers(a *caseArray) []float32 {
	return f.data[a.At:][:shape(a.Shape).Size()]
}

// input makes name, value and, where it is known when importing, constant of input i.
func (f *caseFile) input(i int, a *caseArray) (string, *tensor.Tensor, *onnx.Tensor) {
	if a == nil {
		return "", nil, nil
	}
	name := fmt.Sprint("x", i)
	if a.Ints != nil {
		return name, nil, onnx.NewInts(name, a.Shape, a.Ints...)
	}
	s := shape(a.Shape)
	x := tensor.Of(f.numbers(a), s...)
	if !a.Constant {
		return name, x, nil
	}
	return name, x, onnx.NewFloats(name, a.Shape, x.Data)
}

func shape(s []int64) tensor.Shape {
	out := tensor.Shape{}
	for _, n := range s {
		out = append(out, int(n))
	}
	return out
}

// attrs gives JSON's values the types that onnx.Node has.
func attrs(in map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range in {
		switch v := v.(type) {
		case json.Number:
			out[name] = number(v)
		case []any:
			list := []int64{}
			for _, e := range v {
				list = append(list, number(e.(json.Number)).(int64))
			}
			out[name] = list
		default:
			out[name] = v
		}
	}
	return out
}

func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	v, _ := n.Float64()
	return float32(v)
}

// Golden cases: testdata/golden is what `op_cases.py testdata/golden 8 240 SMALL`
// wrote with onnxruntime 1.32.
func TestGolden(t *testing.T) {
	f := readCases(t, filepath.Join("testdata", "golden"))
	f.run(t, op.Supported)
}
