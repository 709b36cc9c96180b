// Package cpu is the arithmetic: float32 in, float32 out, on the cores of this
// machine.
//
// Activations are in NCHW order: N images, C channels, H×W pixels. Every
// function's comment holds the plain loop that it computes; the portable Go
// code and the generated assembly are tested against that loop.
//
// Results never depend on the number of threads: work is cut into pieces by
// the problem's size only, and a sum is always added up in the same order.
package cpu

import (
	"fmt"
	"runtime"
)

// Device is the processor with a team of threads and their scratch memory. It
// is not safe for concurrent use. Its methods panic on slices shorter than the
// shapes say; a panic on a worker is raised again in the caller.
type Device struct {
	team *team
	each eachTask
}

// New returns a Device with that many threads; 0 means all cores.
//
// The environment variable TL_CPU (portable, avx2 or avx512) forces a kernel
// set. A value that is unknown, or that this machine cannot run, is an error.
func New(threads int) (*Device, error) {
	if threads < 0 || threads > 1024 {
		return nil, fmt.Errorf("cpu: %d threads: want 1 to 1024, or 0 for all cores", threads)
	}
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Device{team: newTeam(threads)}, nil
}

// Name says what computes, e.g. "cpu (avx512, 2 threads)".
func (d *Device) Name() string { return fmt.Sprintf("cpu (portable, %d threads)", d.Threads()) }

// Threads is the number of threads, the caller's included.
func (d *Device) Threads() int { return len(d.team.workers) }

// Close ends the threads. The Device must not be used afterwards.
func (d *Device) Close() { d.team.close() }

// Parallel calls f(0) … f(n-1), in any order and on all threads, and returns
// when all are done. A panic in f is raised again here as a *Panic. f must not
// use the Device.
func (d *Device) Parallel(n int, f func(i int)) {
	d.each.f = f
	d.team.run(n, &d.each)
	d.each.f = nil
}

type eachTask struct{ f func(i int) }

func (t *eachTask) piece(_ *worker, i int) { t.f(i) }
