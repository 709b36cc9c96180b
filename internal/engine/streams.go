package engine

import (
	"context"

	"github.com/tlkit/tl/internal/cpu"
)

// The first steps of a large batch run in streams, one a thread: each thread
// takes its images through them by itself, in memory of its own, and finds in
// its cache what it has just written. Threads that do not wait for each other
// after every layer lose less to layers too small to share, and to a busy
// machine. But each reads all weights. So where maps have become small and
// weights many, all threads work together on the images of all: the program
// forks at the first step, and joins at the one that plan.fork chooses.

// A runner takes images through steps: the whole team, or one stream.
type runner struct {
	d      *cpu.Device
	number int // the team is 0, streams count from 1
	lo     int // the first image of a stream's share

	at    int       // the step that is running, for messages
	spent []float64 // seconds of each step, all profiled runs together
	err   error     // of a stream
}

// streamImages is how many images a thread must have, on average, for streams.
const streamImages = 4

// The model of fork, in multiplications and additions, as measured with 2
// threads on an Intel Xeon with AVX-512.
const (
	teamLoss    = 0.1 // the part of a step's work that the team loses to maps in another thread's cache
	teamWait    = 2e6 // and what it loses to waiting, in each call
	weightAgain = 6   // a byte of weights that another stream reads again, in each call
)

// fork is how many steps run in streams: those before the one from which on
// reading the weights once is worth more than what the team loses. The steps
// have the groups of a program without streams.
func (x *plan) fork() (steps int) {
	threads := x.d.Threads()
	if threads == 1 || x.o.Raw || x.o.together || len(x.g.Inputs) != 1 {
		return 0
	}
	gain, most := 0.0, 0.0
	for i, s := range x.steps {
		if !s.grouped {
			break
		}
		work := s.work
		if work == 0 {
			work = s.flops
		}
		calls := float64((x.batch + s.group - 1) / s.group)
		gain += teamLoss*work + calls*(teamWait-float64(threads-1)*float64(s.weights)*weightAgain)
		joined := x.batch // images that the streams share
		if i+1 < len(x.steps) {
			joined = x.steps[i+1].group
		}
		if gain > most && joined >= threads*streamImages {
			steps, most = i+1, gain
		}
	}
	return steps
}

// imagesOf is the images of a stream, n of count from lo on.
func imagesOf(count, streams, number int) (lo, n int) {
	size := (count + streams - 1) / streams
	lo = min((number-1)*size, count)
	return lo, min(size, count-lo)
}

// streams runs a program's first levels.
type streams struct {
	exec    *cpuExec
	ctx     context.Context
	runners []*runner
	lo, n   int // images of all
}

// run takes images lo … lo+n-1 through the levels, a share on each thread.
func (s *streams) run(ctx context.Context, lo, n int) error {
	s.ctx, s.lo, s.n = ctx, lo, n
	cpu.Split(s.exec.team.d, len(s.runners), 1, streamLoop{s})
	s.ctx = nil
	for _, r := range s.runners {
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// streamLoop runs over the streams.
type streamLoop struct{ s *streams }

// Run does streams lo … hi-1.
func (l streamLoop) Run(lo, hi int) {
	for _, r := range l.s.runners[lo:hi] {
		at, n := imagesOf(l.s.n, len(l.s.runners), r.number)
		r.lo = l.s.lo + at
		r.err = l.s.exec.stream(l.s.ctx, r, n)
	}
}
