package engine

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/internal/testkit/tiny"
	"github.com/tlkit/tl/onnx"
)

// What one execution of FuzzCompile may cost.
const (
	fuzzMemory = 16 << 20 // bytes of a program
	fuzzWork   = 1 << 26  // multiplications, additions and bytes
)

// FuzzCompile looks for files on which the plan compiler or the machine panics,
// or computes something else optimised than raw: the programs run on noise,
// within a limit of memory. A panic that Run turns into an error is one too.
func FuzzCompile(f *testing.F) {
	for _, b := range tiny.Files(f) {
		f.Add(b)
	}
	e, err := CPU(1)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(e.Close)
	path := filepath.Join(f.TempDir(), "fuzz.onnx")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := tiny.Read(t, path, b)
		if err != nil {
			return
		}
		defer m.Close()
		try(t, e, m)
	})
}

// FuzzEdits is FuzzCompile over networks whose attributes, constants, inputs
// and operators are changed, so that nearly every execution comes through the
// reader.
func FuzzEdits(f *testing.F) {
	for i := range tiny.Count() {
		f.Add([]byte{byte(i), 6})
		f.Add([]byte{byte(i), 11, 0, 3, 5, 2, 0, 1})
	}
	e, err := CPU(1)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(e.Close)
	f.Fuzz(func(t *testing.T, b []byte) { try(t, e, tiny.Edited(b)) })
}

// try imports, compiles and runs m, each of which may fail but not panic.
func try(t *testing.T, e Engine, m *onnx.Model) {
	g, err := graph.Import(m, graph.ImportOptions{})
	if err != nil && strings.Contains(err.Error(), "cannot be imported") {
		t.Fatal(err)
	}
	if err != nil || !(work(g) <= fuzzWork) {
		return
	}
	var out [2][]*tensor.Tensor
	for i, raw := range []bool{true, false} {
		x, err := e.Compile(context.Background(), Program{Graph: g}, Options{Raw: raw, MaxMemory: fuzzMemory})
		if err == nil {
			out[i], err = x.Run(context.Background(), noises(g)...)
		}
		if err != nil && (strings.Contains(err.Error(), "failed while") || strings.Contains(err.Error(), "pass ")) {
			t.Fatal(err)
		}
	}
	for i := range min(len(out[0]), len(out[1])) {
		testkit.CompareTame(t, "output "+g.Outputs[i].Name, out[1][i].Data, out[0][i].Data, testkit.Loose)
	}
}

// work is the cost of one run of g: products, and bytes read and written.
func work(g *graph.Graph) (sum float64) {
	for _, n := range g.Nodes {
		sum += graph.Flops(n) + bytesOf(n)
	}
	return sum
}

// noises is an input for g: the same numbers between -1 and 1 each time.
func noises(g *graph.Graph) (in []*tensor.Tensor) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, v := range g.Inputs {
		x := tensor.New(v.Shape...)
		for i := range x.Data {
			x.Data[i] = 2*r.Float32() - 1
		}
		in = append(in, x)
	}
	return in
}
