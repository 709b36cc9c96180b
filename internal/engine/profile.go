package engine

import (
	"time"

	"github.com/tlkit/tl/internal/tensor"
)

// Profiler is an Exec that can measure its nodes; the CPU's can.
type Profiler interface {
	Exec
	// EnableProfile starts measuring anew, or stops it.
	EnableProfile(on bool)
	// Profile is what was measured, in the order of execution.
	Profile() []NodeTime
}

// NodeTime is what one node cost.
type NodeTime struct {
	Name, Kind string
	Shape      tensor.Shape  // of the output
	Time       time.Duration // mean of the profiled runs
	Flops      float64       // multiplications and additions in one run; 0 where not counted
	Bytes      float64       // weights and activations that have to be read or written once
	Algorithm  string        // e.g. "winograd 4×4", "gemm 1×1", "direct"; "" where there is no choice
}

// EnableProfile starts measuring anew, or stops it.
func (e *cpuExec) EnableProfile(on bool) {
	e.profile = on
	if !on {
		return
	}
	e.runs = 0
	for i := range e.steps {
		e.steps[i].spent = 0
	}
}

// Profile is the mean time of each node over the profiled runs.
func (e *cpuExec) Profile() []NodeTime {
	times := make([]NodeTime, len(e.steps))
	for i, s := range e.steps {
		times[i] = NodeTime{
			Name: s.name, Kind: s.op.Kind(), Shape: s.y.Shape.Clone(),
			Time: s.spent / time.Duration(max(1, e.runs)), Flops: s.flops, Bytes: s.bytes(),
		}
	}
	return times
}

// bytes is the size of all operands and of the result.
func (s *step) bytes() float64 {
	numbers := s.y.Shape.Size()
	for _, x := range s.x {
		if x != nil {
			numbers += x.Shape.Size()
		}
	}
	return 4 * float64(numbers)
}
