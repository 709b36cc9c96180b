package engine

import (
	"testing"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// TestNumberwise runs every operator that works number by number on the blocks
// of a convolution, whose last one is not full, and raw.
func TestNumberwise(t *testing.T) {
	w := make([]float32, 5*3*3*3)
	for i := range w {
		w[i] = float32(i%7)/7 - 0.4
	}
	shape := []onnx.Dim{{Size: 2}, {Size: 3}, {Size: 9}, {Size: 9}}
	for _, kind := range []string{"Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Exp", "Neg", "Softplus", "Sqrt", "LeakyRelu"} {
		m := &onnx.Model{
			Path: kind + ".onnx", Opset: 14, IRVersion: 8,
			Inputs:  []onnx.ValueInfo{{Name: "x", Type: onnx.Float, Shape: shape}},
			Outputs: []onnx.ValueInfo{{Name: "y", Type: onnx.Float}},
			Weights: map[string]*onnx.Tensor{"w": onnx.NewFloats("w", []int64{5, 3, 3, 3}, w)},
			Nodes: []onnx.Node{
				{Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"a"}},
				{Op: kind, Inputs: []string{"a"}, Outputs: []string{"b"}},
				{Op: "Conv", Inputs: []string{"b", "v"}, Outputs: []string{"y"}},
			},
		}
		m.Weights["v"] = onnx.NewFloats("v", []int64{3, 5, 3, 3}, w)
		if kind == "Sqrt" { // of numbers below 0 there is none
			m.Nodes[1].Inputs[0] = "r"
			m.Nodes = append(m.Nodes[:1:1], append([]onnx.Node{{Op: "Relu", Inputs: []string{"a"}, Outputs: []string{"r"}}}, m.Nodes[1:]...)...)
		}
		g, err := graph.Import(m, graph.ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, kernels := range implementations(t) {
			t.Setenv("TL_CPU", kernels)
			x := noise(2, 9, false)
			want := run(t, compile(t, g, Options{Raw: true}), x)[0]
			got := run(t, compile(t, g, Options{}), x)[0]
			testkit.Compare(t, kind+" "+kernels, got.Data, want.Data, testkit.Float)
		}
	}
}

// What a chain makes of the lanes beyond the last channel reaches no channel:
// there a - sigmoid(a) is below 0 and has no root, in the channels it is not.
func TestNumberwiseChain(t *testing.T) {
	fill := func(n int, v float32) []float32 {
		w := make([]float32, n)
		for i := range w {
			w[i] = v
		}
		return w
	}
	m := &onnx.Model{
		Path: "chain.onnx", Opset: 14, IRVersion: 8,
		Inputs:  []onnx.ValueInfo{{Name: "x", Type: onnx.Float, Shape: []onnx.Dim{{Size: 1}, {Size: 3}, {Size: 8}, {Size: 8}}}},
		Outputs: []onnx.ValueInfo{{Name: "y", Type: onnx.Float}},
		Weights: map[string]*onnx.Tensor{
			"w": onnx.NewFloats("w", []int64{3, 3, 1, 1}, fill(9, 0.01)),
			"b": onnx.NewFloats("b", []int64{3}, fill(3, 5)),
			"v": onnx.NewFloats("v", []int64{3, 3, 1, 1}, fill(9, 0.1)),
		},
		Nodes: []onnx.Node{
			{Op: "Conv", Inputs: []string{"x", "w", "b"}, Outputs: []string{"a"}},
			{Op: "Sigmoid", Inputs: []string{"a"}, Outputs: []string{"s"}},
			{Op: "Sub", Inputs: []string{"a", "s"}, Outputs: []string{"d"}},
			{Op: "Sqrt", Inputs: []string{"d"}, Outputs: []string{"r"}},
			{Op: "Conv", Inputs: []string{"r", "v"}, Outputs: []string{"y"}},
		},
	}
	g, err := graph.Import(m, graph.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kernels := range implementations(t) {
		t.Setenv("TL_CPU", kernels)
		x := noise(1, 8, false)
		want := run(t, compile(t, g, Options{Raw: true}), x)[0]
		got := run(t, compile(t, g, Options{}), x)[0]
		testkit.Compare(t, kernels, got.Data, want.Data, testkit.Float)
	}
}
