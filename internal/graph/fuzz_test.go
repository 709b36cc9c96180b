package graph

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/internal/testkit/tiny"
)

// FuzzImport looks for files on which the graph builder panics or does not end,
// or whose optimised graph computes something else. A panic that it turns into
// an error is one too.
func FuzzImport(f *testing.F) {
	for _, b := range tiny.Files(f) {
		f.Add(b)
	}
	path := filepath.Join(f.TempDir(), "fuzz.onnx")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := tiny.Read(t, path, b)
		if err != nil {
			return
		}
		defer m.Close()
		for _, o := range []ImportOptions{{}, {Batch: 2}, {Batch: 1, Size: 32}} {
			g, err := Import(m, o)
			var fast *Graph
			if err == nil {
				fast, err = Optimise(g)
			}
			if err == nil && cheap(g) {
				alike(t, g, fast)
			}
			if err != nil && (strings.Contains(err.Error(), "cannot be imported") || strings.Contains(err.Error(), "pass ")) {
				t.Fatal(err)
			}
		}
	})
}

// cheap reports whether one run of g takes no more than some milliseconds.
func cheap(g *Graph) bool {
	work := 0.0
	for _, n := range g.Nodes {
		work += Flops(n) + windowWork(n) + float64(n.Out.Shape.Size())
	}
	for _, v := range g.Inputs {
		work += float64(v.Shape.Size())
	}
	return work < 1<<20
}

// alike compares what a graph and its optimised form make of noise.
func alike(t *testing.T, g, fast *Graph) {
	var in []*tensor.Tensor
	for i, v := range g.Inputs {
		in = append(in, noise(&Graph{Inputs: []*Value{v}}, uint64(i)))
	}
	want, got := eval(t, g, in...), eval(t, fast, in...)
	for i := range want {
		testkit.CompareTame(t, "output "+g.Outputs[i].Name, got[i].Data, want[i].Data, testkit.Loose)
	}
}

// The seeds are networks that can be imported: fuzzing starts behind the reader.
func TestSeedsImport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed.onnx")
	for i, b := range tiny.Own(t) {
		m, err := tiny.Read(t, path, b)
		if err != nil {
			t.Fatalf("network %d: %v", i, err)
		}
		if _, err := Import(m, ImportOptions{}); err != nil {
			t.Errorf("network %d, %s: %v", i, m.Nodes[0].Op, err)
		}
		m.Close()
	}
}
