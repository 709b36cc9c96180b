package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// net builds small models in the words of the file format.
type net struct {
	m    *onnx.Model
	rand *rand.Rand
}

// newNet starts a model with the input "x"; a size of -1 is dynamic.
func newNet(dims ...int64) *net {
	b := &net{&onnx.Model{Path: "dir/test.onnx", Opset: 13, Weights: map[string]*onnx.Tensor{}}, rand.New(rand.NewPCG(1, 2))}
	var shape []onnx.Dim
	for _, d := range dims {
		shape = append(shape, onnx.Dim{Size: d})
	}
	b.m.Inputs = []onnx.ValueInfo{{Name: "x", Type: onnx.Float, Shape: shape}}
	return b
}

type attrs map[string]any

// add appends a node and returns the name of its output.
func (b *net) add(kind string, a attrs, inputs ...string) string {
	out := fmt.Sprintf("%s_%d", kind, len(b.m.Nodes))
	b.m.Nodes = append(b.m.Nodes, onnx.Node{Op: kind, Inputs: inputs, Outputs: []string{out}, Attrs: a})
	return out
}

// floats adds a random weight in 0.2 … 1.2, so that it may also be a variance.
func (b *net) floats(shape ...int64) string {
	size := int64(1)
	for _, d := range shape {
		size *= d
	}
	data := make([]float32, size)
	for i := range data {
		data[i] = b.rand.Float32() + 0.2
	}
	return b.weight(onnx.NewFloats("", shape, data))
}

// signed adds a random weight around 0.
func (b *net) signed(shape ...int64) string {
	name := b.floats(shape...)
	data, _ := b.m.Weights[name].Floats()
	for i := range data {
		data[i] -= 0.7
	}
	return name
}

func (b *net) ints(v ...int64) string {
	return b.weight(onnx.NewInts("", []int64{int64(len(v))}, v...))
}

func (b *net) scalar(v float32) string {
	return b.weight(onnx.NewFloats("", nil, []float32{v}))
}

func (b *net) weight(t *onnx.Tensor) string {
	t.Name = fmt.Sprintf("w%d", len(b.m.Weights))
	b.m.Weights[t.Name] = t
	return t.Name
}

// conv adds a convolution from c to k channels with an r×r kernel that keeps the size.
func (b *net) conv(x string, c, k, r int64) string {
	p := r / 2
	return b.add("Conv", attrs{"pads": []int64{p, p, p, p}}, x, b.signed(k, c, r, r), b.signed(k))
}

func (b *net) batchNorm(x string, c int64) string {
	return b.add("BatchNormalization", attrs{"epsilon": float32(1e-3)}, x, b.floats(c), b.signed(c), b.signed(c), b.floats(c))
}

func (b *net) transpose(x string, perm ...int64) string {
	return b.add("Transpose", attrs{"perm": perm}, x)
}

// done names the outputs.
func (b *net) done(outputs ...string) *onnx.Model {
	for _, o := range outputs {
		b.m.Outputs = append(b.m.Outputs, onnx.ValueInfo{Name: o, Type: onnx.Float})
	}
	return b.m
}

func mustImport(t testing.TB, m *onnx.Model, o ImportOptions) *Graph {
	t.Helper()
	g, err := Import(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// eval computes a graph node by node, each into memory of its own.
func eval(t testing.TB, g *Graph, x ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	d, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	known := map[*Value]*tensor.Tensor{nil: nil}
	for i, v := range g.Inputs {
		known[v] = x[i]
	}
	at := func(v *Value) *tensor.Tensor {
		if v != nil && v.Const != nil {
			return v.Const
		}
		return known[v]
	}
	for _, n := range g.Nodes {
		in := make([]*tensor.Tensor, len(n.In))
		for i, v := range n.In {
			in[i] = at(v)
		}
		known[n.Out] = tensor.New(n.Out.Shape...)
		n.Op.Forward(d, known[n.Out], in...)
	}
	var out []*tensor.Tensor
	for _, v := range g.Outputs {
		out = append(out, at(v))
	}
	return out
}

// noise is a random input for g, around 0.
func noise(g *Graph, seed uint64) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 3))
	x := tensor.New(g.Inputs[0].Shape...)
	for i := range x.Data {
		x.Data[i] = r.Float32()*2 - 1
	}
	return x
}

// kinds lists the operators of a graph in order.
func kinds(g *Graph) []string {
	var out []string
	for _, n := range g.Nodes {
		out = append(out, n.Op.Kind())
	}
	return out
}
