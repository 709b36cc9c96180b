package engine

import (
	"context"
	"slices"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
)

// A batch that is large enough is cut into streams, one a thread: each thread
// takes its images through the whole program by itself, in an arena of its
// own, with the weights of all. Threads that do not wait for each other after
// every layer lose less to layers too small to share, and to a busy machine.

// streamImages is the least number of images that make a stream.
const streamImages = 4

// streamSize is how many images a stream has, 0 where there is to be one for
// all: where the batch is small, or some step wants the whole batch.
func (x *plan) streamSize() int {
	threads := x.d.Threads()
	n := (x.batch + threads - 1) / threads
	if threads == 1 || n < streamImages || len(x.g.Inputs) != 1 || x.o.Raw {
		return 0
	}
	whole := func(s *step) bool { return !s.grouped }
	fed := func(v *graph.Value) bool { return x.plain[v].root().input >= 0 || !x.byImage(v.Shape) }
	if slices.ContainsFunc(x.steps, whole) || slices.ContainsFunc(x.g.Outputs, fed) {
		return 0
	}
	return n
}

// streamPlans lowers and lays out the program for each thread, with size images
// for one. The first one's weights serve all.
func (e *cpuEngine) streamPlans(p Program, g *graph.Graph, o Options, size int) (all []*plan) {
	packs := map[*graph.Node]any{}
	for i := range (g.Inputs[0].Shape[0] + size - 1) / size {
		if i == len(e.alone) {
			e.alone = append(e.alone, e.d.Alone())
		}
		x := newPlan(e.alone[i], p, g, o)
		x.team, x.packs, x.images = e.d, packs, size
		x.layout()
		all = append(all, x)
	}
	return all
}

// streamMemory is the bytes that all plans take with the outputs of the whole
// batch, into which those of the streams are gathered.
func streamMemory(g *graph.Graph, all []*plan) int64 {
	memory := all[0].weightBytes()
	for _, x := range all {
		memory += x.workBytes()
	}
	for _, v := range g.Outputs {
		memory += 4 * int64(v.Shape.Size())
	}
	return memory
}

// inStreams gives the plans their memory. The first one's exec feeds and gathers.
func (e *cpuEngine) inStreams(ctx context.Context, g *graph.Graph, all []*plan, memory int64, release func()) (*cpuExec, error) {
	var parts []*cpuExec
	for _, x := range all {
		part, err := x.finish(ctx, 0, release)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return newStreams(e.d, g, parts, memory), nil
}

// streams runs the parts of an exec.
type streams struct {
	ctx   context.Context
	parts []*cpuExec
	errs  []error
	batch int
}

// newStreams is an exec whose images are shared out to parts.
func newStreams(d *cpu.Device, g *graph.Graph, parts []*cpuExec, memory int64) *cpuExec {
	first := parts[0]
	e := &cpuExec{d: d, file: first.file, images: g.Inputs[0].Shape[0], steps: first.steps, memory: memory, low: first.low}
	e.streams = &streams{parts: parts, errs: make([]error, len(parts)), batch: e.images}
	e.inputs = []input{{first.inputs[0].name, first.inputs[0].shape, &place{input: -1}}}
	for _, v := range g.Outputs {
		e.outputs = append(e.outputs, tensor.New(v.Shape...))
		e.given = append(e.given, nil)
	}
	return e
}

// run computes all parts, on the threads of d, and gathers their outputs.
func (s *streams) run(ctx context.Context, e *cpuExec) error {
	s.ctx = ctx
	data := e.inputs[0].at.data
	size := len(data) / s.batch
	for i, p := range s.parts {
		lo, n := s.share(i)
		p.inputs[0].at.data = data[lo*size:][:n*size]
		p.profile = e.profile
	}
	cpu.Split(e.d, len(s.parts), 1, streamLoop{s})
	for i, err := range s.errs {
		if err != nil {
			return err
		}
		lo, n := s.share(i)
		for j, t := range e.outputs {
			size := len(t.Data) / s.batch
			copy(t.Data[lo*size:][:n*size], s.parts[i].outputs[j].Data)
		}
	}
	return nil
}

// share is the images of part i: n from lo on.
func (s *streams) share(i int) (lo, n int) {
	size := s.parts[0].images
	lo = min(i*size, s.batch)
	return lo, min(size, s.batch-lo)
}

// streamLoop runs over the parts.
type streamLoop struct{ s *streams }

// Run does parts lo … hi-1.
func (l streamLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		_, n := l.s.share(i)
		l.s.errs[i] = l.s.parts[i].run(l.s.ctx, n)
	}
}

// enableProfile starts measuring anew.
func (s *streams) enableProfile() {
	for _, p := range s.parts {
		p.EnableProfile(true)
	}
}

// profile adds up what the parts have measured: they run side by side, so the
// time of a layer is the mean of theirs.
func (s *streams) profile(i int) (seconds float64, runs int) {
	for _, p := range s.parts {
		seconds += p.steps[i].spent / float64(len(s.parts))
		runs = p.runs
	}
	return seconds, runs
}
