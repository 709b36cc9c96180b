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
	for _, r := range e.runners() {
		clear(r.spent)
	}
}

// runners are the team and the streams.
func (e *cpuExec) runners() []*runner {
	all := []*runner{e.team}
	if e.streams != nil {
		all = append(all, e.streams.runners...)
	}
	return all
}

// Profile is the mean time of each node over the profiled runs. Streams run
// side by side: the time of a step there is the mean of all streams.
func (e *cpuExec) Profile() []NodeTime {
	times := make([]NodeTime, len(e.steps))
	for i, s := range e.steps {
		spent := e.team.spent[i]
		if e.streams != nil {
			for _, r := range e.streams.runners {
				spent += r.spent[i] / float64(len(e.streams.runners))
			}
		}
		mean := time.Duration(spent / float64(max(1, e.runs)) * float64(time.Second))
		times[i] = NodeTime{s.name, s.kind, s.algorithm, s.group, s.shape.Clone(), mean, s.flops, s.bytes, s.work}
	}
	return times
}
