package cpu

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestParallelCallsEachOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		d := newDevice(threads, kernelsPortable)
		for round := range 300 {
			n := round % 40
			counts := make([]atomic.Int32, n)
			d.Parallel(n, func(i int) { counts[i].Add(1) })
			for i := range counts {
				if c := counts[i].Load(); c != 1 {
					t.Fatalf("%d threads, round %d: f(%d) was called %d times", threads, round, i, c)
				}
			}
			if round%100 == 99 {
				time.Sleep(2 * time.Millisecond) // let the workers park
			}
		}
		d.Close()
	}
}

func TestWorkersPanicReachesCaller(t *testing.T) {
	d := newDevice(4, kernelsPortable)
	defer d.Close()
	cause := errors.New("piece 7 is rotten")
	for range 20 {
		func() {
			defer func() {
				p, ok := recover().(*Panic)
				if !ok || !errors.Is(p, cause) || p.Stack == "" {
					t.Errorf("recovered %v, want a Panic with the cause", p)
				}
			}()
			d.Parallel(50, func(i int) {
				if i == 7 {
					panic(cause)
				}
			})
		}()
	}
	var n atomic.Int32
	d.Parallel(10, func(int) { n.Add(1) }) // the Device still works
	if n.Load() != 10 {
		t.Errorf("after a panic %d pieces of 10 ran", n.Load())
	}
}

func TestDeviceRefusesNesting(t *testing.T) {
	d := newDevice(2, kernelsPortable)
	defer d.Close()
	defer func() {
		if recover() == nil {
			t.Error("Parallel inside Parallel: want a panic")
		}
	}()
	d.Parallel(4, func(int) { d.Parallel(2, func(int) {}) })
}
