package heads

import (
	"context"
	"testing"

	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// exportModel wraps Nodes into a whole model.
func exportModel(h *Head) *onnx.Model {
	nodes, ws, z := h.Nodes("x")
	dims := []onnx.Dim{{Size: -1, Param: "N"}}
	for _, d := range h.spec.Input {
		dims = append(dims, onnx.Dim{Size: int64(d)})
	}
	m := &onnx.Model{
		IRVersion: 8, Opset: 13, Producer: "tl", Name: "head", Nodes: nodes, Weights: map[string]*onnx.Tensor{},
		Inputs:  []onnx.ValueInfo{{Name: "x", Type: onnx.Float, Shape: dims}},
		Outputs: []onnx.ValueInfo{{Name: z, Type: onnx.Float, Shape: []onnx.Dim{{Size: -1, Param: "N"}, {Size: int64(h.Outputs())}}}},
	}
	for _, w := range ws {
		m.Weights[w.Name] = w
	}
	return m
}

// The exported nodes give the logits of the trained network; onnxruntime says
// the same in the oracle test.
func TestNodesInOurEngine(t *testing.T) {
	e, err := engine.CPU(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range trainCases {
		h, tr, x, labels := c.start(t)
		steps(t, tr, x, labels, c.rate)
		n := len(labels)
		g, err := graph.Import(exportModel(h), graph.ImportOptions{Batch: n})
		if err != nil {
			t.Fatal(err)
		}
		run, err := e.Compile(t.Context(), engine.Program{Graph: g}, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		z, err := run.Run(context.Background(), shaped(h, x))
		if err != nil {
			t.Fatal(err)
		}
		testkit.Compare(t, c.name, z[0].Data, logits(t, h, x), testkit.Float)
	}
}
