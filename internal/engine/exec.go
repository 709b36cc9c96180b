package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// cpuExec is a program with all its memory in place.
type cpuExec struct {
	d       *cpu.Device
	file    string
	inputs  []input
	steps   []step
	outputs []*tensor.Tensor
	memory  int64
	profile bool
	runs    int // profiled ones
	at      int // the step that is running, for messages
}

// input is one array that the caller feeds.
type input struct {
	name  string
	shape tensor.Shape
	at    []*tensor.Tensor // tensors whose numbers are the caller's
}

// step is one operator call.
type step struct {
	name  string
	op    op.Op
	x     []*tensor.Tensor
	y     *tensor.Tensor
	flops float64
	spent time.Duration // all profiled runs together
}

// Memory is the bytes of activations and packed weights, and of the scratch
// that the device has taken so far.
func (e *cpuExec) Memory() int64 { return e.memory + e.d.ScratchBytes() }

// Run computes the outputs; it stops between two nodes when ctx ends.
func (e *cpuExec) Run(ctx context.Context, in ...*tensor.Tensor) (out []*tensor.Tensor, err error) {
	if err := e.feed(in); err != nil {
		return nil, err
	}
	defer e.recovered(&err)
	for e.at = range e.steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &e.steps[e.at]
		if !e.profile {
			s.op.Forward(e.d, s.y, s.x...)
			continue
		}
		start := time.Now()
		s.op.Forward(e.d, s.y, s.x...)
		s.spent += time.Since(start)
	}
	if e.profile {
		e.runs++
	}
	return e.outputs, nil
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
		for _, a := range want.at {
			a.Data = t.Data
		}
	}
	return nil
}

// recovered turns a panic in an operator into an error that names the node.
func (e *cpuExec) recovered(err *error) {
	if r := recover(); r != nil {
		s := &e.steps[e.at]
		*err = fmt.Errorf("%s: node %q (%s): failed while running: %v", e.file, s.name, s.op.Kind(), r)
	}
}
