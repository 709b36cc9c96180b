package testkit

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"
)

// How much more a process may hold at the end than after a fifth of the work:
// no goroutine, the noise of the heap, and that of the pages behind it.
const (
	heapSlack     = 1 << 20
	residentSlack = 8 << 20
)

// usage is what a process holds once garbage is collected.
type usage struct {
	goroutines int
	heap       int64 // bytes of live objects
	resident   int64 // bytes of memory; 0 where only Linux would tell
}

// Flat calls work until it has done n things of which each call does some, and
// fails the test when goroutines, live heap or resident memory have grown
// between a fifth of the way and the end. No test may run beside it.
//
// Resident memory may leap once: Linux puts large pages together where they were
// asked for, whole even where a part was in use. A leak goes on, so then the work
// is done again and must not grow further.
func Flat(t testing.TB, things string, n, some int, work func()) {
	t.Helper()
	first, last := stretch(t, things, n, some, work)
	if last.resident > first.resident+residentSlack {
		t.Logf("resident memory has grown by %.1f MiB: does it go on?", float64(last.resident-first.resident)/(1<<20))
		first.resident = last.resident
		_, last = stretch(t, things, n, some, work)
	}
	if last.goroutines > first.goroutines {
		t.Errorf("%d goroutines after %d %s, %d after a fifth of them", last.goroutines, n, things, first.goroutines)
	}
	if last.heap > first.heap+heapSlack {
		t.Errorf("live heap is %d bytes after %d %s, %d after a fifth of them", last.heap, n, things, first.heap)
	}
	if last.resident > first.resident+residentSlack {
		t.Errorf("resident memory is %d bytes after %d more %s, %d before", last.resident, n, things, first.resident)
	}
}

// stretch does n things and measures after each fifth of them; it returns the
// first measurement and the last.
func stretch(t testing.TB, things string, n, some int, work func()) (first, last usage) {
	t.Helper()
	for done, fifth := 0, 1; done < n; {
		work()
		done += some
		if 5*done < fifth*n {
			continue
		}
		fifth = 5*done/n + 1
		if last = measure(first.goroutines); first == (usage{}) {
			first = last
		}
		t.Logf("after %5d %s: %d goroutines, heap %.2f MiB, resident %.1f MiB", done, things,
			last.goroutines, float64(last.heap)/(1<<20), float64(last.resident)/(1<<20))
	}
	return first, last
}

// Soak is long with TL_SOAK=1 in the environment, else short.
func Soak(short, long int) int {
	if os.Getenv("TL_SOAK") == "1" {
		return long
	}
	return short
}

// measure frees what is free. It gives goroutines that are about to end a
// moment to do so and, where they are more than wanted, a second; wanted 0 is
// not known yet.
func measure(wanted int) usage {
	time.Sleep(20 * time.Millisecond)
	for wait := 0; wanted > 0 && wait < 100 && runtime.NumGoroutine() > wanted; wait++ {
		time.Sleep(10 * time.Millisecond)
	}
	runtime.GC() // finalisers run after it
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), int64(m.HeapAlloc), resident()}
}

// resident is VmRSS of proc(5), 0 elsewhere.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(b, []byte("VmRSS:"))
	number, _, _ := bytes.Cut(bytes.TrimSpace(after), []byte(" "))
	kib, _ := strconv.ParseInt(string(number), 10, 64)
	return kib << 10
}
