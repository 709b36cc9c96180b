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

// A worker that has no piece left takes the others': piece 0 ends only when all
// other pieces have.
func TestIdleWorkersTakeOthersPieces(t *testing.T) {
	const pieces = 20
	d := newDevice(3, kernelsPortable)
	defer d.Close()
	for range 20 {
		var others atomic.Int32
		d.Parallel(pieces, func(i int) {
			if i > 0 {
				others.Add(1)
				return
			}
			for stop := time.Now().Add(10 * time.Second); others.Load() < pieces-1; {
				if time.Now().After(stop) {
					t.Error("nobody takes the pieces behind the one that waits")
					return
				}
				time.Sleep(10 * time.Microsecond)
			}
		})
		if n := others.Load(); n != pieces-1 {
			t.Fatalf("%d other pieces ran, want %d", n, pieces-1)
		}
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
