// Package cpu is the arithmetic: float32 in, float32 out, on the cores of this
// machine.
//
// Activations are in NCHW order: N images, C channels, H×W pixels. Every
// function's comment holds the plain loop that it computes; the portable Go
// code and the generated assembly are tested against that loop.
//
// Results never depend on the number of threads: each number is computed by one
// piece of work, and a sum is always added up in the same order.
// They do differ in the last bits between kernel sets.
//
// From the bottom up: kernels.go says what the inner loops compute, in plain
// Go (z*_amd64.s and z*_arm64.s have them in assembly, written by _asm);
// threads.go runs pieces of work; blockconv*.go, blockwindow.go and lowconv.go
// work on maps in channel blocks; gemm.go, conv_panel.go, conv_strip.go and
// conv_grad.go cut products and convolutions in ONNX's order into tiles;
// pooling.go and vector.go need none.
package cpu

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Device is the processor with a team of threads and their scratch memory. It
// is not safe for concurrent use. Its methods panic on slices shorter than the
// shapes say; a panic on a worker is raised again in the caller.
type Device struct {
	team *team
	k    *kernels
	// stopgap is set where the portable kernels serve for want of better ones:
	// low precisions would be slower than float32 with them.
	stopgap bool
	// unasked is set where TL_CPU does not name the kernels: a precision that
	// gains no speed here is refused.
	unasked bool

	// One task of each kind, reused, so that nothing is allocated in a step.
	each       eachTask
	loops      map[any]task // by loopKey
	conv       convTask
	strips     stripTask
	gradWeight gradWeightTask
	gradMatrix gradMatrixTask
	gradTiled  gradTiledTask
	phases     []float32 // of ConvGradInput
	gemm       gemmTask
	dots       dotTask
	pool       poolTask
	vec        vecTask
	adam       adamTask
	joining    joinTask
	panelling  panelTask
	panels     []float32 // of ConvOnce
	tiled      tiledTask
	turn       turnTask
	copying    copyTask
	direct     directTask
	wino       winoTask
	stem       stemTask
	windows    windowTask
	global     globalTask
	packing    packTask
	low        lowTask
	lowPack    lowPackTask
	factors    []float32 // of the Winograd transforms, see consts
	spare      []float32 // see Spare
	scratch    []float32 // shared by the pieces of a task: flipped weights, partial sums
}

// New returns a Device with that many threads; 0 means all cores.
//
// The environment variable TL_CPU (portable, avx2, avx512 or neon) forces a
// kernel set. A value that is unknown, or that this machine cannot run, is an error.
func New(threads int) (*Device, error) {
	if threads < 0 || threads > 1024 {
		return nil, fmt.Errorf("cpu: %d threads: want 1 to 1024, or 0 for all cores", threads)
	}
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	name := os.Getenv("TL_CPU")
	k, err := choose(name)
	if err != nil {
		return nil, err
	}
	d := newDevice(threads, k)
	d.stopgap, d.unasked = name == "" && k == kernelsPortable, name == ""
	return d, nil
}

func newDevice(threads int, k *kernels) *Device {
	return &Device{team: newTeam(threads), k: k, loops: map[any]task{}}
}

// choose returns the kernel set of that name, or the best one for "".
func choose(name string) (*kernels, error) {
	list := available()
	if name == "" {
		return list[0], nil
	}
	var names []string
	for _, k := range list {
		if k.name == name {
			return k, nil
		}
		names = append(names, k.name)
	}
	return nil, fmt.Errorf("cpu: TL_CPU=%s: this machine and build can run %s", name, strings.Join(names, ", "))
}

// Kernels names the set of kernels: "avx512", "avx2", "neon" or "portable".
// Results are the same bytes for the same set, whatever the number of threads.
func (d *Device) Kernels() string { return d.k.name }

// Name says what computes, e.g. "cpu (avx512, 2 threads)".
func (d *Device) Name() string {
	if d.Threads() == 1 {
		return fmt.Sprintf("cpu (%s, 1 thread)", d.k.name)
	}
	return fmt.Sprintf("cpu (%s, %d threads)", d.k.name, d.Threads())
}

// Threads is the number of threads, the caller's included.
func (d *Device) Threads() int { return len(d.team.workers) }

// Alone returns a Device of one thread, the caller's, with the same kernels:
// weights that d has laid out are good for it too.
func (d *Device) Alone() *Device {
	a := newDevice(1, d.k)
	a.stopgap, a.unasked = d.stopgap, d.unasked
	return a
}

// Close ends the threads. The Device must not be used afterwards.
func (d *Device) Close() { d.team.close() }

// Parallel calls f(0) … f(n-1), in any order and on all threads, and returns
// when all are done. A panic in f on several threads is raised again here as a
// *Panic. f must not use the Device. What has to allocate nothing calls Split.
func (d *Device) Parallel(n int, f func(i int)) {
	d.each.f = f
	d.team.run(n, &d.each)
	d.each.f = nil
}

type eachTask struct{ f func(i int) }

func (t *eachTask) piece(_ *worker, i int) { t.f(i) }

// grow returns a slice of n elements in *s, which is replaced if it is too
// short. The contents are arbitrary.
func grow[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		if f, ok := any(s).(*[]float32); ok { // on large pages
			*f = Alloc(n)
		} else {
			*s = make([]T, n)
		}
	}
	return (*s)[:n]
}

// part cuts n into nearly equal parts and returns the start of part
// i; part i ends where part i+1 starts.
func part(n, parts, i int) int { return n * i / parts }

func ceilDiv(a, b int) int { return (a + b - 1) / b }
