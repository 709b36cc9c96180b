package engine

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
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
func (e *cpuEngine) Compile(ctx context.Context, p Program, o Options) (Exec, error) {
	g := p.Graph
	precision, err := e.check(g, o)
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
		return e.plan(ctx, p, g, o)
	}
	var want []*tensor.Tensor
	if o.spans, want, err = e.calibrate(ctx, p, g, o); err != nil {
		return nil, err
	}
	runtime.GC() // lets the float32 program go before the low one is built
	x, err := e.plan(ctx, p, g, o)
	if err != nil {
		return nil, err
	}
	got, err := x.Run(ctx, o.Samples)
	if err != nil {
		return nil, err
	}
	x.deviation = deviation(got, want)
	return x, nil
}

// check returns o's precision, or why g cannot be compiled in it.
func (e *cpuEngine) check(g *graph.Graph, o Options) (cpu.Precision, error) {
	p, err := o.precision()
	if err == nil {
		err = e.d.HasPrecision(p)
	}
	switch {
	case err != nil || p == cpu.Float32:
		return p, err
	case o.Samples == nil && p == cpu.Int8:
		return p, fmt.Errorf("int8 wants sample images to take the ranges of activations from, got none (set Options.Samples, or take --precision bf16)")
	case o.Samples != nil && len(g.Inputs) != 1:
		return p, fmt.Errorf("%v takes samples of one input, the network has %d (--precision f32 needs none)", p, len(g.Inputs))
	case o.Samples != nil && !o.Samples.Shape.Equal(g.Inputs[0].Shape):
		return p, fmt.Errorf("samples are %v, input %q wants %v (images of that size, as many as a batch)", o.Samples.Shape, g.Inputs[0].Name, g.Inputs[0].Shape)
	}
	return p, nil
}

// plan turns an optimised graph into a program with its memory in place, in
// streams where that pays, o does not forbid it and they fit into its memory.
func (e *cpuEngine) plan(ctx context.Context, p Program, g *graph.Graph, o Options) (*cpuExec, error) {
	if o.groupBytes == 0 {
		o.groupBytes = groupBytes
	}
	x := newPlan(e.d, p, g, o)
	x.layout(e.single())
	if len(x.alone) > 0 && fits(g, o.MaxMemory, x.memory()) != nil {
		x = newPlan(e.d, p, g, o)
		x.layout(nil)
	}
	if err := fits(g, o.MaxMemory, x.memory()); err != nil {
		return nil, err
	}
	return x.finish(ctx, p.Release)
}

// single returns a device of one thread for each of d's.
func (e *cpuEngine) single() []*cpu.Device {
	for len(e.alone) < e.d.Threads() {
		e.alone = append(e.alone, e.d.Alone())
	}
	return e.alone
}

// layout gives every step its group and every place its offset in the arena,
// and works out the kernels' scratch. The first steps run in streams on the
// devices alone, if that pays.
func (x *plan) layout(alone []*cpu.Device) {
	x.order = x.levels(x.o.groupBytes)
	if len(alone) > 0 {
		if x.forked = x.fork(); x.forked > 0 {
			x.alone = alone
			x.order = x.levels(x.o.groupBytes)
		}
	}
	x.extent = x.arrange(x.order)
	x.scratch, x.own = x.scratchOf(x.order)
}

// memory is what activations, weights and the kernels' scratch take.
func (x *plan) memory() int64 {
	return 4*int64(x.extent) + x.weightBytes() + x.scratch.Bytes(x.d.Threads()) + int64(len(x.alone))*x.own.Bytes(1)
}

// weightBytes is what weights take that are laid out.
func (x *plan) weightBytes() (bytes int64) {
	for _, s := range x.steps {
		bytes += s.weights
	}
	return bytes
}

// finish gives the plan its memory and lays the weights out.
func (x *plan) finish(ctx context.Context, release func()) (*cpuExec, error) {
	x.assign(cpu.Alloc(x.extent))
	x.d.Reserve(x.scratch)
	for _, d := range x.alone {
		d.Reserve(x.own)
	}
	if err := prepare(ctx, x.steps, release); err != nil {
		return nil, err
	}
	exec := x.exec(x.order, x.memory())
	x.g, x.readers, x.merged = nil, nil, nil // the weights as they are in the file are not needed any more
	x.o.Samples, x.o.spans = nil, nil
	return exec, nil
}

// releaseBytes is how many bytes of weights are laid out between two calls of
// Program.Release.
const releaseBytes = 16 << 20

// prepare lays the weights out; it stops between two steps when ctx ends.
func prepare(ctx context.Context, steps []*step, release func()) error {
	var since int64
	for i, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.prepare()
		s.prepare = nil
		if since += s.weights; release != nil && (since > releaseBytes || i == len(steps)-1) {
			release()
			since = 0
		}
	}
	return nil
}
