package roofline

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/tlkit/tl/internal/cpu"
)

// How long and how large the measurements are.
const (
	span        = 45 * time.Millisecond // of all bursts of one figure
	burst       = time.Millisecond      // of one
	leastBursts = 3                     // also where others take the cores
	memorySet   = 128 << 20             // bytes that all threads read together: more than the L3 near them
)

// l2Set is the bytes that each thread reads from its L2: half of it.
func l2Set() int {
	if size := cpuid.CPU.Cache.L2; size > 0 {
		return size / 2
	}
	return 256 << 10
}

// peak is the float32 FLOP/s of the team: multiply-adds of the convolutions'
// kernel, or a product (m,k)·(k,n) whose right side stays in L1 where that is
// faster, as it is in plain Go.
func (t team) peak() float64 {
	const m, n, k = 192, 32, 256
	_, flops := t[0].MultiplyAdds()
	kernel := t.best(float64(flops), func(d *cpu.Device) func() {
		work, _ := d.MultiplyAdds()
		return work
	})
	product := t.best(2*m*n*k, func(d *cpu.Device) func() {
		a, b, c := ones(m*k), ones(k*n), ones(m*n)
		return func() { d.Gemm(false, false, m, n, k, c, a, b, cpu.GemmEpilogue{}) }
	})
	return max(kernel, product)
}

// bandwidth is the bytes a second that the team reads, each thread over and
// over its own array of size bytes.
func (t team) bandwidth(size int) float64 {
	return t.best(float64(size), func(d *cpu.Device) func() {
		x := ones(size / 4)
		return func() { d.Sum(x) }
	})
}

// best is the team's highest rate in units a second. prepare makes a thread's
// work, each call of which is worth that many units.
func (t team) best(units float64, prepare func(*cpu.Device) func()) float64 {
	works := make([]func(), len(t))
	t.seconds(func(i int) { works[i] = prepare(t[i]); works[i]() })
	once := t.seconds(func(i int) { works[i]() })
	calls := 1 + int(burst.Seconds()/once)
	top := 0.0
	for i, end := 0, time.Now().Add(span); i < leastBursts || time.Now().Before(end); i++ {
		s := t.seconds(func(i int) {
			for range calls {
				works[i]()
			}
		})
		top = max(top, units*float64(calls*len(t))/s)
	}
	return top
}

// seconds is how long f(0) … f(len(t)-1) take, each on a thread, from the
// moment that all threads are awake to the end of the last.
func (t team) seconds(f func(i int)) float64 {
	begun, ended := make([]time.Time, len(t)), make([]time.Time, len(t))
	var awake atomic.Int64
	var all sync.WaitGroup
	for i := range t {
		all.Go(func() {
			for awake.Add(1); awake.Load() < int64(len(t)); {
				runtime.Gosched()
			}
			begun[i] = time.Now()
			f(i)
			ended[i] = time.Now()
		})
	}
	all.Wait()
	first, last := slices.MinFunc(begun, time.Time.Compare), slices.MaxFunc(ended, time.Time.Compare)
	return max(last.Sub(first), 1).Seconds() // a coarse clock may stand still
}

func ones(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
}
