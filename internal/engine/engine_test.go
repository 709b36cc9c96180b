package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	o.Width = 0.125
	return seededWide(t, name, o, batch)
}

// seededWide imports a seeded network at o's width.
func seededWide(t testing.TB, name string, o weights.SeededOptions, batch int) *graph.Graph {
	t.Helper()
	o.Classes, o.Seed, o.Size = 10, 5, 96
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
// the order in which kinds first run: batch norms, clamps, residuals and 2×2
// maxima are in the convolutions where they can be (DenseNet's norms come
// before them, with their ReLU), identities, dropouts and reshapes take no
// step, and maps leave their blocks once.
func TestWhatIsLeft(t *testing.T) {
	t.Setenv("TL_CPU", "portable")
	for name, want := range map[string]string{
		"resnet18":    "Conv×20 MaxPool×1 GlobalAveragePool×1 Gemm×1",
		"resnet50":    "Conv×53 MaxPool×1 GlobalAveragePool×1 Gemm×1",
		"vgg16":       "Conv×13 FromBlocks×1 Gemm×3 Relu×2",
		"alexnet":     "Conv×5 FromBlocks×2 LRN×2 MaxPool×3 ToBlocks×1 Gemm×3 Relu×2 Softmax×1",
		"mobilenetv2": "Conv×52 ReduceMean×1 Gemm×1",
		"squeezenet":  "Conv×26 MaxPool×3 Concat×8 GlobalAveragePool×1 Softmax×1",
		"densenet":    "Conv×120 MaxPool×1 BatchNormalization×62 Concat×58 AveragePool×3 GlobalAveragePool×1 Gemm×1",
	} {
		for _, folded := range []bool{false, true} {
			g := seededWide(t, name, weights.SeededOptions{FoldedBN: folded, Width: 0.25}, 4)
			e := compile(t, g, Options{}).(*cpuExec)
			var order []string
			count := map[string]int{}
			for _, s := range e.steps {
				if count[s.kind]++; count[s.kind] == 1 {
					order = append(order, s.kind)
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
			e, err := NewCPU(d).Compile(t.Context(), Program{Graph: g}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			testkit.Compare(t, name+" "+kernels+" 1 thread", run(t, e, x)[0].Data, two.Data, testkit.Exact)
			d.Close()
		}
	}
}

// TestArena checks the memory plan against the meaning of the program: while a
// place is still to be read, nobody else writes to its memory, also where
// parts of the batch take turns and where streams run ahead of each other.
func TestArena(t *testing.T) {
	d, alone := threeThreads(t)
	for _, name := range weights.SeededNames() {
		for _, raw := range []bool{true, false} {
			for _, batch := range []int{1, 7, 13} {
				g, err := graph.Optimise(seeded(t, name, weights.SeededOptions{NHWC: raw}, batch))
				if err != nil {
					t.Fatal(err)
				}
				x := newPlan(d, Program{Graph: g}, g, Options{Raw: raw})
				levels := x.levels(300 << 10)
				if raw != (len(levels) == 1) && batch > 1 && name != "tiny" {
					t.Errorf("%s, %d images, raw %v: %d levels", name, batch, raw, len(levels))
				}
				checkArena(t, x, levels, x.arrange(levels))
				for _, budget := range []int{300 << 10, groupBytes} {
					x := newPlan(d, Program{Graph: g}, g, Options{Raw: raw, groupBytes: budget})
					x.layout(alone)
					checkArena(t, x, x.order, x.extent)
				}
			}
		}
	}
}

// threeThreads is a Device of three threads, and one for each of its streams.
func threeThreads(t *testing.T) (d *cpu.Device, alone []*cpu.Device) {
	t.Helper()
	d, err := cpu.New(3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, []*cpu.Device{d.Alone(), d.Alone(), d.Alone()}
}

// TestArenaBeforeAStepOfAll: streams end before a step that wants the whole
// batch, with steps behind it that by themselves would not.
func TestArenaBeforeAStepOfAll(t *testing.T) {
	d, alone := threeThreads(t)
	g, err := graph.Optimise(seeded(t, "resnet18", weights.SeededOptions{}, 80))
	if err != nil {
		t.Fatal(err)
	}
	for _, budget := range []int{100 << 10, 400 << 10, 800 << 10} {
		x := newPlan(d, Program{Graph: g}, g, Options{groupBytes: budget})
		x.steps[len(x.steps)/2].grouped = false
		if x.layout(alone); x.forked == 0 {
			t.Errorf("budget %d: no streams", budget)
		}
		checkArena(t, x, x.order, x.extent)
	}
}

// content says what a number of the arena is: of which place and image.
type content struct {
	p     *place
	image int
}

// checkArena replays the program, marking who wrote each number last.
func checkArena(t *testing.T, x *plan, levels []level, size int) {
	t.Helper()
	type memory struct { // of a place; each stream has one of its own where it is theirs
		root   *place
		stream int
	}
	owner := make([]content, size)
	made := map[memory]*place{} // whose numbers lie in a memory now
	stream, begin := 0, 0       // the runner, and its first image
	memoryOf := func(p *place) memory {
		if p = p.root(); p.stream {
			return memory{p, stream}
		}
		return memory{p, 0}
	}
	each := func(p *place, image int, f func(i int)) {
		r := p.root()
		at, image := r.offset, image
		if r.stream {
			part := x.region.room / len(x.alone)
			if r.offset+r.room > part {
				t.Fatalf("%s: %v lies at %d, in a stream's %d numbers", x.g.Name, p.shape, r.offset, part)
			}
			at, image = x.region.offset+(stream-1)*part+r.offset, image-begin
		}
		n, blocks := x.size(p), 1
		if p.blocked {
			n = p.shape[2] * p.shape[3] * x.d.Lanes()
			blocks = x.size(p) / n
		}
		for b := range blocks {
			for i := range n {
				f(at + (b*r.group+image%r.group)*n + i)
			}
		}
	}
	read := func(p *place, image int, by string) {
		if p.root().input >= 0 {
			return
		}
		each(p, image, func(i int) {
			if i >= size || owner[i] != (content{made[memoryOf(p)], image}) {
				t.Fatalf("%s: %s reads image %d of %v, of which number %d was overwritten", x.g.Name, by, image, p.shape, i)
			}
		})
	}
	var upTo func(l, lo, n int)
	upTo = func(l, lo, n int) {
		if l < 0 {
			return
		}
		if stream == 0 && levels[l].first < x.forked {
			for stream = 1; stream <= len(x.alone); stream++ {
				from, count := imagesOf(n, len(x.alone), stream)
				begin = lo + from
				upTo(l, begin, count)
			}
			stream = 0
			return
		}
		for end := lo + n; lo < end; lo += levels[l].group {
			count := min(levels[l].group, end-lo)
			upTo(l-1, lo, count)
			for _, s := range x.steps[levels[l].first:levels[l].last] {
				for _, p := range append([]*place{s.out}, s.in...) {
					r, from := p.root(), lo
					if r.stream {
						from -= begin
					}
					if from%r.group+count > r.group {
						t.Fatalf("%s: %s does %d images from %d on in a place of %d", x.g.Name, s.name, count, from, r.group)
					}
				}
				for image := lo; image < lo+count; image++ {
					for _, p := range s.in {
						read(p, image, s.name)
					}
				}
				made[memoryOf(s.out)] = s.out
				for image := lo; image < lo+count; image++ {
					each(s.out, image, func(i int) { owner[i] = content{s.out, image} })
				}
			}
		}
	}
	upTo(len(levels)-1, 0, x.batch)
	for _, v := range x.g.Outputs {
		for image := range x.batch {
			read(x.plain[v], image, "the caller")
		}
	}
}

// TestGroups: the results of a batch that is done part by part are the same bytes.
func TestGroups(t *testing.T) {
	for _, name := range []string{"resnet18", "densenet", "mobilenetv2"} {
		all := run(t, compile(t, seeded(t, name, weights.SeededOptions{}, 5), Options{}), noise(5, 96, false))[0]
		parts := run(t, compile(t, seeded(t, name, weights.SeededOptions{}, 5), Options{groupBytes: 200 << 10}), noise(5, 96, false))[0]
		testkit.Compare(t, name, parts.Data, all.Data, testkit.Exact)
	}
}

// TestStreams: large batches run in streams, one a thread, and give the bytes
// of one thread, whatever share the last stream has; nothing is allocated, and
// a profile covers all.
func TestStreams(t *testing.T) {
	for _, name := range []string{"resnet18", "vgg16", "mobilenetv2"} {
		for _, batch := range []int{8, 9, 13} {
			g := seeded(t, name, weights.SeededOptions{}, batch)
			g.Outputs = []*graph.Value{lastMap(g)}
			x := noise(batch, 96, false)
			var want *tensor.Tensor
			var arithmetic string
			for _, threads := range []int{1, 2, 3} {
				d, err := cpu.New(threads)
				if err != nil {
					t.Fatal(err)
				}
				engine := NewCPU(d)
				e, err := engine.Compile(t.Context(), Program{Graph: g}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				in := e.(*cpuExec).streams != nil
				if size := (batch + threads - 1) / threads; in != (threads > 1 && size >= streamImages) {
					t.Errorf("%s, %d images, %d threads: in streams %v", name, batch, threads, in)
				}
				if x := e.(*cpuExec); name == "vgg16" && batch > 8 && in && (x.forked == 0 || x.forked >= len(x.levels)) {
					t.Errorf("%s, %d images, %d threads: streams do %d levels of %d, wanted some", name, batch, threads, x.forked, len(x.levels))
				}
				if arithmetic == "" {
					arithmetic = e.Arithmetic()
				}
				if a := e.Arithmetic(); a != arithmetic {
					t.Errorf("%s, %d images, %d threads: arithmetic %q, on one %q", name, batch, threads, a, arithmetic)
				}
				got := run(t, e, x)[0]
				if want == nil {
					want = tensor.Of(slices.Clone(got.Data), got.Shape...)
				}
				testkit.Compare(t, fmt.Sprintf("%s, %d images, %d threads", name, batch, threads), got.Data, want.Data, testkit.Exact)
				ctx, fed := context.Background(), []*tensor.Tensor{x}
				if n := testing.AllocsPerRun(5, func() { _, _ = e.Run(ctx, fed...) }); n != 0 {
					t.Errorf("%s, %d threads: %g allocations a run", name, threads, n)
				}
				p := e.(Profiler)
				p.EnableProfile(true)
				run(t, e, x)
				for _, n := range p.Profile() {
					if n.Flops > 1e6 && n.Time <= 0 {
						t.Errorf("%s, %d threads: %s took no time", name, threads, n.Name)
					}
				}
				ended, end := context.WithCancel(ctx)
				end()
				if _, err := e.Run(ended, x); !errors.Is(err, context.Canceled) {
					t.Errorf("%s, %d threads: error is %v", name, threads, err)
				}
				engine.Close()
			}
		}
	}
}

// TestStreamsInGroups: where the team takes a part of the batch at a time, the
// streams share each part, down to a last one that leaves a stream without images.
func TestStreamsInGroups(t *testing.T) {
	for _, batch := range []int{32, 29, 33} {
		g := seeded(t, "vgg16", weights.SeededOptions{}, batch)
		g.Outputs = []*graph.Value{lastMap(g)}
		x := noise(batch, 96, false)
		var want []float32
		for _, threads := range []int{1, 3} {
			d, err := cpu.New(threads)
			if err != nil {
				t.Fatal(err)
			}
			engine := NewCPU(d)
			e, err := engine.Compile(t.Context(), Program{Graph: g}, Options{groupBytes: 1000 << 10})
			if err != nil {
				t.Fatal(err)
			}
			if x := e.(*cpuExec); threads > 1 && (x.streams == nil || x.forked >= len(x.levels) || x.levels[x.forked].group >= batch) {
				t.Errorf("%d images: %d of %d levels in streams, %+v: wanted several groups behind streams", batch, x.forked, len(x.levels), x.levels)
			}
			got := run(t, e, x)[0].Data
			if want == nil {
				want = slices.Clone(got)
			}
			testkit.Compare(t, fmt.Sprintf("%d images, %d threads", batch, threads), got, want, testkit.Exact)
			engine.Close()
		}
	}
}

// TestStreamsEnd: a stop and a panic inside a stream end the run and name the
// node, and the program can run again.
func TestStreamsEnd(t *testing.T) {
	d, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	engine := NewCPU(d)
	defer engine.Close()
	e, err := engine.Compile(t.Context(), Program{Graph: seeded(t, "resnet18", weights.SeededOptions{}, 9)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	exec, x := e.(*cpuExec), noise(9, 96, false)
	if exec.streams == nil || exec.levels[exec.forked-1].last <= 3 {
		t.Fatal("step 3 is in no stream")
	}
	want := slices.Clone(run(t, e, x)[0].Data)
	s := exec.steps[3]
	plain := s.run
	ctx, cancel := context.WithCancel(context.Background())
	s.run = func(r *runner, lo, n int) { cancel(); plain(r, lo, n) }
	if _, err := e.Run(ctx, x); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped in a stream: error is %v", err)
	}
	s.run = func(r *runner, lo, n int) {
		if r.number == 2 {
			panic("no more paper")
		}
		plain(r, lo, n)
	}
	if _, err := e.Run(context.Background(), x); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("node %q (", s.name)) || !strings.HasSuffix(err.Error(), "no more paper") {
		t.Errorf("panic in a stream: error is %v", err)
	}
	s.run = plain
	testkit.Compare(t, "again", run(t, e, x)[0].Data, want, testkit.Exact)
}

// TestStreamsAndMemory: a limit that streams fit into leaves them; where only
// one program for all fits, that one runs, with the same numbers.
func TestStreamsAndMemory(t *testing.T) {
	g := seeded(t, "resnet18", weights.SeededOptions{}, 9)
	g.Outputs = []*graph.Value{lastMap(g)}
	x := noise(9, 96, false)
	var needs [2]int64 // of all in one, and of streams
	var want []float32
	for i, together := range []bool{true, false} {
		e := compile(t, g, Options{together: together}).(*cpuExec)
		needs[i], want = e.memory, run(t, e, x)[0].Data
	}
	if needs[0] >= needs[1] {
		t.Fatalf("one program needs %d bytes, streams %d", needs[0], needs[1])
	}
	for limit, streams := range map[int64]bool{0: true, needs[1]: true, needs[1] - 1: false, needs[0]: false} {
		e := compile(t, g, Options{MaxMemory: limit}).(*cpuExec)
		if (e.streams != nil) != streams || limit > 0 && e.memory > limit {
			t.Errorf("limit %d: streams %v, %d bytes", limit, e.streams != nil, e.memory)
		}
		testkit.Compare(t, fmt.Sprint("limit ", limit), run(t, e, x)[0].Data, want, testkit.Exact)
	}
}

// lastMap is the last feature map of g.
func lastMap(g *graph.Graph) (v *graph.Value) {
	for _, n := range g.Nodes {
		if len(n.Out.Shape) == 4 && n.Out.Shape[2] > 1 {
			v = n.Out
		}
	}
	return v
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
	e, err := CPU(1)
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.Compile(t.Context(), Program{Graph: g}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	needs := x.Memory()
	if _, err := e.Compile(t.Context(), Program{Graph: g}, Options{MaxMemory: needs}); err != nil {
		t.Errorf("%d bytes are not enough for %d: %v", needs, needs, err)
	}
	for _, limit := range []int64{needs - 1, 1 << 10} {
		_, err = e.Compile(t.Context(), Program{Graph: g}, Options{MaxMemory: limit})
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
	hook := e.(*cpuExec).steps[3]
	plain := hook.run
	hook.run = func(r *runner, lo, n int) { cancel(); plain(r, lo, n) }
	if _, err := e.Run(ctx, x); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if at := e.(*cpuExec).team.at; at != 4 {
		t.Errorf("stopped before step %d, want 4", at)
	}
	hook.run = plain
	testkit.Compare(t, "again", run(t, e, x)[0].Data, want, testkit.Exact)
}

// TestPanic: a panic in an operator is an error that names the node.
func TestPanic(t *testing.T) {
	e := compile(t, seeded(t, "tiny", weights.SeededOptions{}, 1), Options{})
	s := e.(*cpuExec).steps[1]
	s.run = func(_ *runner, _, _ int) { panic("no more paper") }
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

// TestNormalise: the first input is normalised, planes put in another order or
// both, whether a convolution reads it or another operator.
func TestNormalise(t *testing.T) {
	w := tensor.New(2, 3, 1, 1)
	copy(w.Data, []float32{1, 10, 100, 0, 0, 1})
	pixels := tensor.Of([]float32{1, -2, 3, 4, -5, 6}, 1, 3, 1, 2)
	for _, c := range []struct {
		by         cpu.Normalise
		relu, conv []float32
	}{
		{cpu.Normalise{}, []float32{1, 0, 3, 4, 0, 6}, []float32{1 + 30 - 500, -2 + 40 + 600, -5, 6}},
		{cpu.Normalise{From: []int{2, 1, 0}}, []float32{0, 6, 3, 4, 1, 0}, []float32{-5 + 30 + 100, 6 + 40 - 200, 1, -2}},
		{cpu.Normalise{Scale: []float32{1, 1, 2}, Shift: []float32{0, 1, 0}, From: []int{2, 1, 0}},
			[]float32{0, 6, 4, 5, 2, 0}, []float32{-5 + 40 + 200, 6 + 50 - 400, 2, -4}},
	} {
		x := &graph.Value{Name: "x", Shape: tensor.Shape{1, 3, 1, 2}}
		relu := &graph.Value{Name: "relu", Shape: x.Shape}
		conv := &graph.Value{Name: "conv", Shape: tensor.Shape{1, 2, 1, 2}}
		g := &graph.Graph{Name: "hand.onnx", Inputs: []*graph.Value{x}, Outputs: []*graph.Value{relu, conv}, Nodes: []*graph.Node{
			{Name: "a", Op: op.Conv{}, In: []*graph.Value{x, {Name: "w", Shape: w.Shape, Const: w}}, Out: conv},
			{Name: "b", Op: op.Relu{}, In: []*graph.Value{x}, Out: relu},
		}}
		e, err := CPU(1)
		if err != nil {
			t.Fatal(err)
		}
		exec, err := e.Compile(t.Context(), Program{Graph: g, Normalise: c.by}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		out := run(t, exec, pixels)
		testkit.Compare(t, "relu", out[0].Data, c.relu, testkit.Exact)
		testkit.Compare(t, "conv", out[1].Data, c.conv, testkit.Exact)
		e.Close()
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
	if steps := len(fused.(*cpuExec).steps); steps != 4 { // Relu, into blocks, Conv with the sum, out of blocks
		t.Errorf("%d steps, want 4", steps)
	}
}

// TestOddShapes: values whose first axis is not the batch, or that have no axis,
// keep their memory; a constant residual and a quotient of maps whose channels
// fill no block give what the plain operators give.
func TestOddShapes(t *testing.T) {
	value := func(name string, shape ...int) *graph.Value { return &graph.Value{Name: name, Shape: shape} }
	constant := func(name string, shape ...int) *graph.Value {
		c := tensor.New(shape...)
		for i := range c.Data {
			c.Data[i] = float32(i%11)/11 + 0.1
		}
		return &graph.Value{Name: name, Shape: c.Shape, Const: c}
	}
	for _, batch := range []int{1, 2, 9} {
		x := value("x", batch, 3, 8, 8)
		a, b, c := value("a", batch, 19, 8, 8), value("b", batch, 19, 8, 8), value("c", batch, 19, 8, 8)
		w := constant("w", 19, 3, 3, 3)
		q, sum, last := value("q", batch, 19, 8, 8), value("sum", batch, 19, 8, 8), value("last", batch, 4, 8, 8)
		turned, clipped, back, mean := value("turned", 4, batch, 8, 8), value("clipped", 4, batch, 8, 8), value("back", batch, 4, 8, 8), value("mean")
		pad := op.Conv{Pads: [4]int{1, 1, 1, 1}}
		turn := op.Transpose{Perm: []int{1, 0, 2, 3}}
		g := &graph.Graph{Name: "odd.onnx", Inputs: []*graph.Value{x}, Outputs: []*graph.Value{back, mean}, Nodes: []*graph.Node{
			{Name: "a", Op: pad, In: []*graph.Value{x, w}, Out: a},
			{Name: "b", Op: pad, In: []*graph.Value{x, w}, Out: b},
			{Name: "q", Op: op.Div{}, In: []*graph.Value{a, b}, Out: q},
			{Name: "c", Op: op.Conv{}, In: []*graph.Value{q, constant("w2", 19, 19, 1, 1)}, Out: c},
			{Name: "sum", Op: op.Add{}, In: []*graph.Value{c, constant("r", batch, 19, 8, 8)}, Out: sum},
			{Name: "last", Op: pad, In: []*graph.Value{sum, constant("w3", 4, 19, 3, 3)}, Out: last},
			{Name: "turned", Op: turn, In: []*graph.Value{last}, Out: turned},
			{Name: "clipped", Op: op.Clip{Min: -1e6, Max: 1e6}, In: []*graph.Value{turned}, Out: clipped},
			{Name: "back", Op: turn, In: []*graph.Value{clipped}, Out: back},
			{Name: "mean", Op: op.ReduceMean{DropDims: true}, In: []*graph.Value{back}, Out: mean},
		}}
		in := tensor.Of(noise(batch, 8, false).Data, batch, 3, 8, 8)
		want := run(t, compile(t, g, Options{Raw: true}), in)
		got := run(t, compile(t, g, Options{}), in)
		for i := range want {
			testkit.Compare(t, fmt.Sprintf("%d images, output %d", batch, i), got[i].Data, want[i].Data, testkit.Float)
		}
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
