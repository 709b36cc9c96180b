package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// cpuExec is a program with all its memory in place.
type cpuExec struct {
	team    *runner
	streams *streams // that run the first levels, or nil
	forked  int      // levels that they run
	file    string
	images  int
	inputs  []input
	steps   []*step
	levels  []level
	outputs []*tensor.Tensor
	given   []*place // of the outputs that are the caller's own memory
	memory  int64
	low     cpu.Precision
	profile bool
	runs    int // profiled ones

	observe   func(r *runner, s *step, lo, n int) // is shown every step before it runs, or nil
	deviation float64
}

// input is one array that the caller feeds.
type input struct {
	name  string
	shape tensor.Shape
	at    *place
}

// exec finishes a plan.
func (x *plan) exec(levels []level, memory int64) *cpuExec {
	e := &cpuExec{file: x.g.Name, images: x.batch, steps: x.steps, levels: levels, memory: memory}
	e.team = &runner{d: x.d, spent: make([]float64, len(x.steps))}
	if len(x.alone) > 0 {
		e.streams = &streams{exec: e}
		for i, d := range x.alone {
			e.streams.runners = append(e.streams.runners, &runner{d: d, number: i + 1, spent: make([]float64, len(x.steps))})
		}
		for e.forked < len(levels) && levels[e.forked].first < x.forked {
			e.forked++
		}
	}
	e.low, _ = x.o.precision()
	for _, p := range x.places {
		if p.input >= 0 {
			v := x.g.Inputs[p.input]
			e.inputs = append(e.inputs, input{v.Name, v.Shape, p})
		}
	}
	for _, v := range x.g.Outputs {
		p := x.plain[v]
		t := &tensor.Tensor{Shape: v.Shape}
		if p.root().input < 0 {
			t.Data = p.root().data
			if x.byImage(v.Shape) {
				t.Data = t.Data[:v.Shape.Size()]
			}
			p = nil
		}
		e.outputs, e.given = append(e.outputs, t), append(e.given, p)
	}
	return e
}

// Memory is the bytes of activations, packed weights and the kernels' scratch:
// what was compared with Options.MaxMemory.
func (e *cpuExec) Memory() int64 { return e.memory }

// Arithmetic is the set of kernels and a digest of what they make of fixed
// numbers, and of the steps with their algorithms.
func (e *cpuExec) Arithmetic() string {
	h := sha256.New()
	fmt.Fprintln(h, e.team.d.Fingerprint(e.low))
	for _, s := range e.steps {
		fmt.Fprintf(h, "%s %q %q %v\n", s.kind, s.name, s.algorithm, s.shape)
	}
	return fmt.Sprintf("cpu %s %x", e.team.d.Kernels(), h.Sum(nil)[:8])
}

// Deviation is that of Options.Samples.
func (e *cpuExec) Deviation() float64 { return e.deviation }

// Run computes the outputs; it stops between two steps when ctx ends.
func (e *cpuExec) Run(ctx context.Context, in ...*tensor.Tensor) (out []*tensor.Tensor, err error) {
	if err := e.feed(in); err != nil {
		return nil, err
	}
	if err := e.run(ctx); err != nil {
		return nil, err
	}
	for i, p := range e.given {
		if p != nil {
			e.outputs[i].Data = p.root().data
		}
	}
	return e.outputs, nil
}

// run computes what was fed.
func (e *cpuExec) run(ctx context.Context) (err error) {
	defer e.recovered(e.team, &err)
	if e.profile {
		e.runs++
	}
	return e.upTo(ctx, e.team, len(e.levels)-1, 0, e.images)
}

// stream takes a stream's n images through the forked levels.
func (e *cpuExec) stream(ctx context.Context, r *runner, n int) (err error) {
	defer e.recovered(r, &err)
	return e.upTo(ctx, r, e.forked-1, r.lo, n)
}

// upTo runs the levels up to l for n images from lo on, in l's groups.
func (e *cpuExec) upTo(ctx context.Context, r *runner, l, lo, n int) error {
	if l < 0 {
		return nil
	}
	if r == e.team && l < e.forked {
		return e.streams.run(ctx, lo, n)
	}
	v := e.levels[l]
	for end := lo + n; lo < end; lo += v.group {
		count := min(v.group, end-lo)
		if err := e.upTo(ctx, r, l-1, lo, count); err != nil {
			return err
		}
		for i := v.first; i < v.last; i++ {
			if err := ctx.Err(); err != nil {
				r.at = i
				return err
			}
			e.step(r, i, lo, count)
		}
	}
	return nil
}

func (e *cpuExec) step(r *runner, i, lo, n int) {
	r.at = i
	s := e.steps[i]
	if e.observe != nil {
		e.observe(r, s, lo, n)
	}
	if !e.profile {
		s.run(r, lo, n)
		return
	}
	start := time.Now()
	s.run(r, lo, n)
	r.spent[i] += time.Since(start).Seconds()
}

// feed points the program at the caller's numbers.
func (e *cpuExec) feed(in []*tensor.Tensor) error {
	if len(in) != len(e.inputs) {
		return fmt.Errorf("%s: wants %d inputs, got %d", e.file, len(e.inputs), len(in))
	}
	for i, t := range in {
		want := &e.inputs[i]
		if t == nil {
			return fmt.Errorf("%s: input %q is missing", e.file, want.name)
		}
		if !t.Shape.Equal(want.shape) || len(t.Data) != t.Shape.Size() {
			return fmt.Errorf("%s: input %q wants %v, got %v with %d numbers", e.file, want.name, want.shape, t.Shape, len(t.Data))
		}
		want.at.data = t.Data
	}
	return nil
}

// recovered turns a panic in an operator into an error that names the node.
func (e *cpuExec) recovered(r *runner, err *error) {
	if v := recover(); v != nil {
		s := e.steps[r.at]
		*err = fmt.Errorf("%s: node %q (%s): failed while running: %v", e.file, s.name, s.kind, v)
	}
}
