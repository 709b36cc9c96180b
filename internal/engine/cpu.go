package engine

import (
	"context"
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
)

// CPU returns the engine of this machine's processor. Zero threads is all
// cores. TL_CPU chooses the kernels: portable, avx2, avx512 or neon.
func CPU(threads int) (Engine, error) {
	d, err := cpu.New(threads)
	if err != nil {
		return nil, err
	}
	return NewCPU(d), nil
}

// NewCPU returns an engine that computes on d. Closing the engine closes d.
func NewCPU(d *cpu.Device) Engine { return &cpuEngine{d: d} }

type cpuEngine struct {
	d     *cpu.Device
	alone []*cpu.Device // of one thread each, for streams
}

// Name is the device's, e.g. "cpu (avx512, 2 threads)".
func (e *cpuEngine) Name() string { return e.d.Name() }

// Arithmetic is the device's set of kernels and the rule by which they are put
// to use.
func (e *cpuEngine) Arithmetic() string { return "cpu " + e.d.Kernels() + " " + rule }

// rule names the algorithms and the order of sums. It is part of the key of
// whatever is computed once and kept: change it with them.
const rule = "blocks 2"

// Close stops the device's threads.
func (e *cpuEngine) Close() {
	e.d.Close()
	for _, d := range e.alone {
		d.Close()
	}
}

// Compile optimises the graph and lowers it to steps over channel blocks
// unless o.Raw, gives every activation its place in one arena, and lays the
// weights out. It refuses a program that needs more than o.MaxMemory before it
// takes that memory.
func (e *cpuEngine) Compile(p Program, o Options) (Exec, error) {
	g := p.Graph
	precision, err := o.precision()
	if err == nil {
		err = e.d.HasPrecision(precision)
	}
	if err == nil && precision == cpu.Int8 && o.Samples == nil {
		err = fmt.Errorf("int8 wants sample images to take the ranges of activations from")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Name, err)
	}
	if err := fits(g, o.MaxMemory, leastMemory(g)); err != nil {
		return nil, err
	}
	if !o.Raw {
		if g, err = graph.Optimise(g); err != nil {
			return nil, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	if precision == cpu.Float32 || o.Samples == nil {
		return e.plan(p, g, o)
	}
	spans, want, err := e.calibrate(p, g, o)
	if err != nil {
		return nil, err
	}
	o.spans = spans
	x, err := e.plan(p, g, o)
	if err != nil {
		return nil, err
	}
	got, err := x.Run(context.Background(), o.Samples)
	if err != nil {
		return nil, err
	}
	x.deviation = deviation(got, want)
	return x, nil
}

// plan turns an optimised graph into a program with its memory in place, in
// streams where that pays and o does not forbid it.
func (e *cpuEngine) plan(p Program, g *graph.Graph, o Options) (*cpuExec, error) {
	if o.groupBytes == 0 {
		o.groupBytes = groupBytes
	}
	x := newPlan(e.d, p, g, o)
	if n := x.streamSize(); n > 0 && !o.together && o.MaxMemory == 0 { // a limit leaves no room for several arenas
		return e.inStreams(p, g, o, n)
	}
	return x.finish(p.Release)
}

// finish gives the plan its memory, in which other plans of the program may
// have laid weights out already.
func (x *plan) finish(release func()) (*cpuExec, error) {
	levels := x.levels(x.o.groupBytes)
	size := x.arrange(levels)
	memory := 4 * int64(size)
	if len(x.packs) == 0 {
		for _, s := range x.steps {
			memory += s.weights
		}
	}
	if err := fits(x.g, x.o.MaxMemory, memory); err != nil {
		return nil, err
	}
	x.assign(cpu.Alloc(size))
	prepare(x.steps, release)
	exec := x.exec(levels, memory)
	x.g, x.readers, x.merged, x.packs = nil, nil, nil, nil // the weights as they are in the file are not needed any more
	return exec, nil
}

// releaseBytes is how many bytes of weights are laid out between two calls of
// Program.Release.
const releaseBytes = 16 << 20

// prepare lays the weights out.
func prepare(steps []*step, release func()) {
	var since int64
	for i, s := range steps {
		s.prepare()
		s.prepare = nil
		if since += s.weights; release != nil && (since > releaseBytes || i == len(steps)-1) {
			release()
			since = 0
		}
	}
}
