package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/weights"
)

// seeded imports a seeded network at an eighth of its width.
func seeded(t testing.TB, name string, o weights.SeededOptions, batch int) *graph.Graph {
	t.Helper()
	o.Width, o.Classes, o.Seed, o.Size = 0.125, 10, 5, 96
	m, err := weights.Seeded(name, o)
	if err != nil {
		t.Fatal(err)
	}
	m.Path = name + ".onnx"
	g, err := graph.Import(m, graph.ImportOptions{Batch: batch})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// noise is n random images (n,3,s,s), or the same ones as (n,s,s,3).
func noise(n, s int, nhwc bool) *tensor.Tensor {
	r := rand.New(rand.NewPCG(1, 1))
	x := tensor.New(n, 3, s, s)
	for i := range x.Data {
		x.Data[i] = r.Float32()*4 - 2
	}
	if !nhwc {
		return x
	}
	y := tensor.New(n, s, s, 3)
	for i := range y.Data {
		c, pixel, image := i%3, i/3%(s*s), i/3/(s*s)
		y.Data[i] = x.Data[(image*3+c)*s*s+pixel]
	}
	return y
}

// TestEveryFormIsTheSame writes each seeded network in every form that the
// importer knows (operator sets, NHWC, folded batch norm, fixed batch): raw and
// optimised, all compute the same, with every kernel implementation. The best
// one runs all forms at all operator sets, the others each of them once.
func TestEveryFormIsTheSame(t *testing.T) {
	all := implementations(t)
	best := all[len(all)-1]
	for _, name := range weights.SeededNames() {
		want := run(t, compile(t, seeded(t, name, weights.SeededOptions{}, 2), Options{Raw: true}), noise(2, 96, false))[0]
		for _, kernels := range all {
			t.Run(name+"/"+kernels, func(t *testing.T) {
				t.Setenv("TL_CPU", kernels)
				for i, opset := range []int64{7, 9, 13, 18, 22} {
					for form := range 4 {
						if kernels == best || form == i%4 {
							o := weights.SeededOptions{Opset: opset, NHWC: form&1 > 0, FoldedBN: form&2 > 0, Batch: int64(i % 2)}
							checkForm(t, name, o, want)
						}
					}
				}
			})
		}
	}
}

// checkForm runs a form of a seeded network, raw and optimised.
func checkForm(t *testing.T, name string, o weights.SeededOptions, want *tensor.Tensor) {
	t.Helper()
	g := seeded(t, name, o, 2)
	for _, raw := range []bool{true, false} {
		y := run(t, compile(t, g, Options{Raw: raw}), noise(2, 96, o.NHWC))[0]
		testkit.Compare(t, fmt.Sprintf("%+v raw %v", o, raw), y.Data, want.Data, testkit.Float)
	}
}

// TestWhatIsLeft counts the steps of each compiled network, as kind×count in
// the order in which kinds first run: batch norms, clamps and residuals are in
// the convolutions where they can be (DenseNet's norms come before them), and
// identities, dropouts and reshapes take no step.
func TestWhatIsLeft(t *testing.T) {
	for name, want := range map[string]string{
		"resnet18":    "Conv×20 MaxPool×1 GlobalAveragePool×1 Gemm×1",
		"resnet50":    "Conv×53 MaxPool×1 GlobalAveragePool×1 Gemm×1",
		"vgg16":       "Conv×13 MaxPool×5 Gemm×3 Relu×2",
		"alexnet":     "Conv×5 LRN×2 MaxPool×3 Gemm×3 Relu×2 Softmax×1",
		"mobilenetv2": "Conv×52 ReduceMean×1 Gemm×1",
		"squeezenet":  "Conv×26 MaxPool×3 Concat×8 GlobalAveragePool×1 Softmax×1",
		"densenet":    "Conv×120 MaxPool×1 BatchNormalization×62 Relu×62 Concat×58 AveragePool×3 GlobalAveragePool×1 Gemm×1",
	} {
		for _, folded := range []bool{false, true} {
			e := compile(t, seeded(t, name, weights.SeededOptions{FoldedBN: folded}, 1), Options{}).(*cpuExec)
			var order []string
			count := map[string]int{}
			for _, s := range e.steps {
				kind := s.op.Kind()
				if count[kind]++; count[kind] == 1 {
					order = append(order, kind)
				}
			}
			for i, kind := range order {
				order[i] = fmt.Sprint(kind, "×", count[kind])
			}
			if got := strings.Join(order, " "); got != want {
				t.Errorf("%s, folded %v: %s, want %s", name, folded, got, want)
			}
		}
	}
}

// TestImplementations runs small networks of each family with all kernels and
// different numbers of threads; threads must not change a bit.
func TestImplementations(t *testing.T) {
	for _, name := range weights.SeededNames() {
		g := seeded(t, name, weights.SeededOptions{}, 3)
		x := noise(3, 96, false)
		var first *tensor.Tensor
		for _, kernels := range implementations(t) {
			t.Setenv("TL_CPU", kernels)
			two := run(t, compile(t, g, Options{}), x)[0]
			if first == nil {
				first = two
			}
			testkit.Compare(t, name+" "+kernels, two.Data, first.Data, testkit.Float)
			d, err := cpu.New(1)
			if err != nil {
				t.Fatal(err)
			}
			e, err := NewCPU(d).Compile(Program{g}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			testkit.Compare(t, name+" "+kernels+" 1 thread", run(t, e, x)[0].Data, two.Data, testkit.Exact)
			d.Close()
		}
	}
}

// TestLayout checks the arena against the meaning of the graph: while a value
// is still to be read, nobody else writes to its memory.
func TestLayout(t *testing.T) {
	for _, name := range weights.SeededNames() {
		for _, raw := range []bool{true, false} {
			g := seeded(t, name, weights.SeededOptions{NHWC: raw}, 2)
			if !raw {
				var err error
				if g, err = graph.Optimise(g); err != nil {
					t.Fatal(err)
				}
			}
			l := layOut(g)
			total := checkLayout(t, g, l)
			t.Logf("%s raw=%v: %d values of %d numbers in an arena of %d", name, raw, len(g.Nodes), total, l.size)
		}
	}
}

// checkLayout replays the program, marking who wrote each number last, and
// returns the size of all results together.
func checkLayout(t *testing.T, g *graph.Graph, l *layout) (total int) {
	t.Helper()
	owner := make([]*graph.Value, (l.size+line-1)/line)
	content := map[*graph.Value]*graph.Value{} // a view's numbers are its input's
	spread := func(v *graph.Value) (lo, hi int) {
		b := l.buffers[v]
		return b.offset / line, (b.offset + v.Shape.Size() + line - 1) / line
	}
	read := func(v *graph.Value, by string) {
		if v == nil || v.Const != nil || l.buffers[v] == nil {
			return
		}
		lo, hi := spread(v)
		for i := lo; i < hi; i++ {
			if owner[i] != content[v] {
				t.Fatalf("%s reads %q, of which line %d was overwritten", by, v.Name, i)
			}
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			read(v, n.Name)
		}
		if isView(n) {
			content[n.Out] = content[n.In[0]]
			continue
		}
		total += n.Out.Shape.Size()
		content[n.Out] = n.Out
		lo, hi := spread(n.Out)
		if l.buffers[n.Out].offset+n.Out.Shape.Size() > l.size {
			t.Fatalf("%q lies outside the arena", n.Out.Name)
		}
		for i := lo; i < hi; i++ {
			owner[i] = n.Out
		}
	}
	for _, v := range g.Outputs {
		read(v, "the caller")
	}
	return total
}

// TestNothingIsAllocated: after the first run the program lives in its arena.
func TestNothingIsAllocated(t *testing.T) {
	for _, name := range weights.SeededNames() {
		for _, raw := range []bool{false, true} {
			e := compile(t, seeded(t, name, weights.SeededOptions{NHWC: raw}, 2), Options{Raw: raw}).(*cpuExec)
			ctx, in := context.Background(), []*tensor.Tensor{noise(2, 96, raw)}
			run(t, e, in...)
			if n := testing.AllocsPerRun(10, func() { _, _ = e.Run(ctx, in...) }); n != 0 {
				t.Errorf("%s raw=%v: %g allocations a run", name, raw, n)
			}
		}
	}
}

// TestMemoryLimit refuses a program before it takes the memory, and runs it
// with exactly what it says it needs.
func TestMemoryLimit(t *testing.T) {
	g := seeded(t, "resnet18", weights.SeededOptions{}, 4)
	needs := compile(t, g, Options{}).(*cpuExec).memory
	e, err := CPU(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compile(Program{g}, Options{MaxMemory: needs}); err != nil {
		t.Errorf("%d bytes are not enough for %d: %v", needs, needs, err)
	}
	for _, limit := range []int64{needs - 1, 1 << 10} {
		_, err = e.Compile(Program{g}, Options{MaxMemory: limit})
		if err == nil || !strings.Contains(err.Error(), "resnet18.onnx: input (4,3,96,96) needs ") {
			t.Errorf("with %d of %d bytes the error is %v", limit, needs, err)
		}
	}
}

// TestCancel stops between two nodes, and the program can run again.
func TestCancel(t *testing.T) {
	g := seeded(t, "resnet18", weights.SeededOptions{}, 1)
	e := compile(t, g, Options{})
	x := noise(1, 96, false)
	want := append([]float32(nil), run(t, e, x)[0].Data...)
	ctx, cancel := context.WithCancel(context.Background())
	hook := &e.(*cpuExec).steps[3]
	plain := hook.op
	hook.op = calls{plain, cancel}
	if _, err := e.Run(ctx, x); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if at := e.(*cpuExec).at; at != 4 {
		t.Errorf("stopped before step %d, want 4", at)
	}
	hook.op = plain
	testkit.Compare(t, "again", run(t, e, x)[0].Data, want, testkit.Exact)
}

// calls is an operator that does something first.
type calls struct {
	op.Op
	f func()
}

func (c calls) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	c.f()
	c.Op.Forward(d, y, x...)
}

// TestPanic: a panic in an operator is an error that names the node.
func TestPanic(t *testing.T) {
	e := compile(t, seeded(t, "tiny", weights.SeededOptions{}, 1), Options{})
	s := &e.(*cpuExec).steps[1]
	s.op = calls{s.op, func() { panic("no more paper") }}
	_, err := e.Run(context.Background(), noise(1, 96, false))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("tiny.onnx: node %q (", s.name)) || !strings.HasSuffix(err.Error(), "no more paper") {
		t.Errorf("error is %v", err)
	}
}

// TestInputs: wrong ones are refused; right ones are read and never written,
// also where the network's first node could work in place, and an output that
// is only a view of an input follows it.
func TestInputs(t *testing.T) {
	x := &graph.Value{Name: "x", Shape: tensor.Shape{2, 3}}
	flat := &graph.Value{Name: "flat", Shape: tensor.Shape{6}}
	sum := &graph.Value{Name: "sum", Shape: tensor.Shape{6}}
	relu := &graph.Value{Name: "relu", Shape: tensor.Shape{6}}
	g := &graph.Graph{Name: "hand.onnx", Inputs: []*graph.Value{x}, Outputs: []*graph.Value{flat, sum, relu, x}, Nodes: []*graph.Node{
		{Name: "a", Op: op.Reshape{To: []int{6}}, In: []*graph.Value{x}, Out: flat},
		{Name: "b", Op: op.Relu{}, In: []*graph.Value{flat}, Out: relu},
		{Name: "c", Op: op.Add{}, In: []*graph.Value{flat, relu}, Out: sum},
	}}
	e := compile(t, g, Options{})
	for i := range 2 {
		s := float32(i + 1)
		in := tensor.Of([]float32{-s, 2, -3, 4, -5, 6}, 2, 3)
		out := run(t, e, in)
		testkit.Compare(t, "input", in.Data, []float32{-s, 2, -3, 4, -5, 6}, testkit.Exact)
		testkit.Compare(t, "flat", out[0].Data, in.Data, testkit.Exact)
		testkit.Compare(t, "sum", out[1].Data, []float32{-s, 4, -3, 8, -5, 12}, testkit.Exact)
		testkit.Compare(t, "relu", out[2].Data, []float32{0, 2, 0, 4, 0, 6}, testkit.Exact)
		testkit.Compare(t, "x", out[3].Data, in.Data, testkit.Exact)
	}
	for _, in := range [][]*tensor.Tensor{nil, {tensor.New(3, 2)}, {tensor.New(2, 3), tensor.New(2, 3)}, {{Shape: tensor.Shape{2, 3}}}, {nil}} {
		if _, err := e.Run(context.Background(), in...); err == nil || !strings.HasPrefix(err.Error(), "hand.onnx: ") {
			t.Errorf("inputs %v: error is %v", in, err)
		}
	}
}

// TestResidualOfItself: a convolution that adds its own input must not write
// over it, though nothing reads it later.
func TestResidualOfItself(t *testing.T) {
	w := tensor.New(3, 3, 3, 3)
	for i := range w.Data {
		w.Data[i] = float32(i%7) / 7
	}
	value := func(name string) *graph.Value { return &graph.Value{Name: name, Shape: tensor.Shape{2, 3, 96, 96}} }
	x, r, c, sum := value("x"), value("r"), value("c"), value("sum")
	weight := &graph.Value{Name: "w", Shape: w.Shape, Const: w}
	g := &graph.Graph{Name: "hand.onnx", Inputs: []*graph.Value{x}, Outputs: []*graph.Value{sum}, Nodes: []*graph.Node{
		{Name: "a", Op: op.Relu{}, In: []*graph.Value{x}, Out: r},
		{Name: "b", Op: op.Conv{Pads: [4]int{1, 1, 1, 1}}, In: []*graph.Value{r, weight}, Out: c},
		{Name: "c", Op: op.Add{}, In: []*graph.Value{c, r}, Out: sum},
	}}
	in := noise(2, 96, false)
	want := run(t, compile(t, g, Options{Raw: true}), in)[0]
	fused := compile(t, g, Options{})
	testkit.Compare(t, "sum", run(t, fused, in)[0].Data, want.Data, testkit.Float)
	if steps := len(fused.(*cpuExec).steps); steps != 2 {
		t.Errorf("%d steps, want 2", steps)
	}
}

// TestProfile measures every node and counts ResNet18's known cost.
func TestProfile(t *testing.T) {
	m, err := weights.Seeded("resnet18", weights.SeededOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Import(m, graph.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := compile(t, g, Options{}).(Profiler)
	e.EnableProfile(true)
	x := noise(1, 224, false)
	run(t, e, x)
	run(t, e, x)
	times := e.Profile()
	var flops float64
	for _, n := range times {
		flops += n.Flops
		if n.Flops > 1e6 && n.Time <= 0 {
			t.Errorf("%s (%s) took no time", n.Name, n.Kind)
		}
	}
	// 1.814 GMACs: the figure of torchvision's table of models.
	if macs := flops / 2e9; macs < 1.81 || macs > 1.82 {
		t.Errorf("%d nodes have %.3f GMACs, want 1.814", len(times), macs)
	}
	e.EnableProfile(true)
	if e.Profile()[0].Time != 0 {
		t.Error("EnableProfile does not start anew")
	}
}
