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
	Algorithm  string        // e.g. "winograd 4×4"; "" where there is only one way
	Group      int           // images computed at once
	Shape      tensor.Shape  // of the output
	Time       time.Duration // mean of the profiled runs
	Flops      float64       // multiplications and additions of the plain loop in one run; 0 where not counted
	Bytes      float64       // weights and activations that have to be read or written once
	Work       float64       // what the cost model chose by: as many float32 multiplications and additions would take as long; 0 where nothing is chosen
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
	if e.streams != nil {
		e.streams.enableProfile()
	}
}

// Profile is the mean time of each node over the profiled runs.
func (e *cpuExec) Profile() []NodeTime {
	times := make([]NodeTime, len(e.steps))
	for i, s := range e.steps {
		spent, runs := s.spent, e.runs
		if e.streams != nil {
			spent, runs = e.streams.profile(i)
		}
		mean := time.Duration(spent / float64(max(1, runs)) * float64(time.Second))
		times[i] = NodeTime{s.name, s.kind, s.algorithm, s.group, s.shape.Clone(), mean, s.flops, s.bytes, s.work}
	}
	return times
}
