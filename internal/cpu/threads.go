package cpu

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// A task is work cut into pieces numbered from 0. Pieces run in any order, on
// any worker, and write disjoint memory, so the result does not depend on how
// many workers there are.
//
// Each worker begins with a share of its own, neighbouring pieces in rising
// order: layers are cut alike, so it finds in its cache what it wrote a layer
// before. Who has done his share takes pieces from the ends of the others'.
type task interface {
	piece(w *worker, i int)
}

// A team is a set of goroutines that wait for tasks: they spin for a few
// microseconds, because the next layer usually follows at once, then park.
//
// The gate holds (epoch << 32 | busy workers << 1 | open). The caller opens it
// with a new epoch; a worker enters by raising the count while it is open; the
// caller closes it when no pieces are left and waits for the count to reach
// zero. A worker that wakes late finds it closed and is not waited for.
type team struct {
	lock    sync.Mutex // held while a task runs
	workers []*worker  // workers[0] belongs to the caller
	gate    atomic.Uint64
	quit    atomic.Bool

	task   task
	failed atomic.Pointer[failure]
	grown  atomic.Bool // a worker's scratch memory has grown
}

// failure is a panic of a worker, to be raised again in the caller.
type failure struct {
	value any
	stack []byte
}

// Panic is what a Device's methods panic with when a worker panicked: the
// worker's value and stack.
type Panic struct {
	Value any
	Stack string
}

// Error makes a Panic an error, so that recovering code can wrap it.
func (p *Panic) Error() string { return fmt.Sprintf("%v\nworker's stack:\n%s", p.Value, p.Stack) }

// Unwrap returns the panic's value if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

const (
	gateOpen  = 1
	gateBusy  = 2
	gateCount = 1<<32 - 2
	gateEpoch = 1 << 32

	spinRounds = 2000 // of about 20 ns: some 40 µs until a worker parks
)

func newTeam(threads int) *team {
	t := &team{}
	for i := range threads {
		t.workers = append(t.workers, &worker{team: t, number: i, wake: make(chan struct{}, 1)})
	}
	for _, w := range t.workers[1:] {
		go t.serve(w)
	}
	return t
}

func (t *team) close() {
	if t.quit.Swap(true) {
		return
	}
	for _, w := range t.workers[1:] {
		w.unpark()
	}
}

// run does all pieces of a task and returns when they are done. It panics if
// the team is busy: a Device is not safe for concurrent use.
func (t *team) run(pieces int, k task) {
	if !t.lock.TryLock() {
		panic("cpu: Device used by two goroutines at once, or from inside its own Parallel")
	}
	defer t.lock.Unlock()
	if int64(pieces) >= 1<<32 {
		panic(fmt.Sprintf("cpu: %d pieces of work, at most 2³²-1 can be shared out", pieces))
	}
	if pieces <= 1 || len(t.workers) == 1 {
		for i := range pieces {
			k.piece(t.workers[0], i)
		}
		return
	}
	t.task = k
	shares := min(pieces, len(t.workers))
	for i, w := range t.workers[:shares] {
		w.share.set(part(pieces, shares, i), part(pieces, shares, i+1))
	}
	t.gate.Store(t.gate.Load()&^(gateEpoch-1) + gateEpoch | gateOpen)
	for _, w := range t.workers[1:shares] {
		w.unpark()
	}
	t.work(t.workers[0])
	t.gate.And(^uint64(gateOpen))
	t.join()
	t.task = nil
	t.level()
	if f := t.failed.Swap(nil); f != nil {
		panic(&Panic{Value: f.value, Stack: string(f.stack)})
	}
}

// join waits until the workers have left. It spins, since they are at their
// last piece; on a busy machine one may have lost its core, so then it sleeps.
func (t *team) join() {
	for i := 0; t.gate.Load()&gateCount != 0; i++ {
		if i > 50*spinRounds {
			time.Sleep(50 * time.Microsecond)
		} else if i > spinRounds {
			runtime.Gosched()
		}
	}
}

// work does pieces until none are left. A panic ends the task.
func (t *team) work(w *worker) {
	defer func() {
		if v := recover(); v != nil {
			for _, w := range t.workers {
				w.share.set(0, 0)
			}
			t.failed.CompareAndSwap(nil, &failure{v, debug.Stack()})
		}
	}()
	for i, ok := w.share.take(false); ok; i, ok = w.share.take(false) {
		t.task.piece(w, i)
	}
	for n := range len(t.workers) - 1 {
		other := t.workers[(w.number+1+n)%len(t.workers)]
		for i, ok := other.share.take(true); ok; i, ok = other.share.take(true) {
			t.task.piece(w, i)
		}
	}
}

// A share is the pieces lo … hi-1 that nobody has begun, lo<<32 | hi. Its
// padding keeps it on a cache line of its own.
type share struct {
	_ [64]byte
	atomic.Uint64
	_ [64]byte
}

func (s *share) set(lo, hi int) { s.Store(uint64(lo)<<32 | uint64(hi)) }

// take takes the first or the last piece, if there is one.
func (s *share) take(last bool) (piece int, ok bool) {
	for {
		v := s.Load()
		lo, hi := v>>32, v&(1<<32-1)
		if lo >= hi {
			return 0, false
		}
		at, rest := lo, v+1<<32
		if last {
			at, rest = hi-1, v-1
		}
		if s.CompareAndSwap(v, rest) {
			return int(at), true
		}
	}
}

func (t *team) serve(w *worker) {
	var seen uint64
	for !t.quit.Load() {
		g := t.gate.Load()
		if g&gateOpen == 0 || g/gateEpoch == seen {
			t.rest(w, g)
			continue
		}
		if t.gate.CompareAndSwap(g, g+gateBusy) {
			seen = g / gateEpoch
			t.work(w)
			t.gate.Add(^uint64(gateBusy - 1))
		}
	}
}

// rest waits until the gate differs from g in its epoch: spinning, then parked.
func (t *team) rest(w *worker, g uint64) {
	for i := range spinRounds {
		if t.gate.Load()/gateEpoch != g/gateEpoch {
			return
		}
		if i%64 == 63 {
			runtime.Gosched()
		}
	}
	w.parked.Store(true)
	if (t.gate.Load()/gateEpoch != g/gateEpoch || t.quit.Load()) && w.parked.CompareAndSwap(true, false) {
		return
	}
	<-w.wake
}

// level gives all workers as much scratch memory as the one that has most.
// Which worker meets which piece is chance; so a task that has run once never
// allocates again.
func (t *team) level() {
	if !t.grown.Swap(false) {
		return
	}
	var panel, plane, edge, strip, runs, offs int
	for _, w := range t.workers {
		panel, plane, edge = max(panel, cap(w.panel)), max(plane, cap(w.plane)), max(edge, cap(w.edge))
		strip = max(strip, cap(w.strip))
		runs, offs = max(runs, cap(w.runs)), max(offs, cap(w.offs))
	}
	for _, w := range t.workers {
		grow(&w.panel, panel)
		grow(&w.plane, plane)
		grow(&w.edge, edge)
		grow(&w.strip, strip)
		grow(&w.runs, runs)
		grow(&w.offs, offs)
	}
}

// scratch returns n elements of *s, which belongs to w. The contents are
// arbitrary.
func scratch[T any](w *worker, s *[]T, n int) []T {
	if cap(*s) < n {
		w.team.grown.Store(true)
	}
	return grow(s, n)
}

// A worker is one thread's place at the team, with its scratch memory.
type worker struct {
	team   *team
	number int
	share  share
	parked atomic.Bool
	wake   chan struct{}

	tile  tileArgs
	dot   dotArgs
	col   columnArgs
	vec   vecArgs
	panel []float32 // packed panels
	plane []float32 // padded planes
	edge  []float32 // a tile that is not stored as it is
	strip []float32 // a row of tiles at the border of an image
	block blockArgs
	tap   tapArgs
	wino  winoArgs
	low   lowArgs
	pack  lowPackArgs
	runs  []run
	offs  []int
}

func (w *worker) unpark() {
	if w.parked.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}
