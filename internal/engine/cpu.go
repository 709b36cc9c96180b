package engine

import (
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
func NewCPU(d *cpu.Device) Engine { return &cpuEngine{d} }

type cpuEngine struct{ d *cpu.Device }

// Name is the device's, e.g. "cpu (avx512, 2 threads)".
func (e *cpuEngine) Name() string { return e.d.Name() }

// Arithmetic is the device's set of kernels.
func (e *cpuEngine) Arithmetic() string { return "cpu " + e.d.Kernels() }

// Close stops the device's threads.
func (e *cpuEngine) Close() { e.d.Close() }

// Compile optimises the graph and lowers it to steps over channel blocks
// unless o.Raw, gives every activation its place in one arena, and lays the
// weights out. It refuses a program that needs more than o.MaxMemory before it
// takes that memory.
func (e *cpuEngine) Compile(p Program, o Options) (Exec, error) {
	g := p.Graph
	if o.Precision != "" && o.Precision != "f32" {
		return nil, fmt.Errorf("%s: %s computes f32 only, not %s", g.Name, e.Name(), o.Precision)
	}
	if err := fits(g, o.MaxMemory, leastMemory(g)); err != nil {
		return nil, err
	}
	if !o.Raw {
		var err error
		if g, err = graph.Optimise(g); err != nil {
			return nil, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	if o.groupBytes == 0 {
		o.groupBytes = groupBytes
	}
	x := newPlan(e.d, p, g, o)
	levels := x.levels(o.groupBytes)
	size := x.arrange(levels)
	memory := 4 * int64(size)
	for _, s := range x.steps {
		memory += s.weights
	}
	if err := fits(g, o.MaxMemory, memory); err != nil {
		return nil, err
	}
	x.assign(cpu.Alloc(size))
	for _, s := range x.steps {
		s.prepare()
		s.prepare = nil
	}
	exec := x.exec(levels, memory)
	x.g, x.readers, x.merged = nil, nil, nil // the weights as they are in the file are not needed any more
	return exec, nil
}
