package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/tlkit/tl/bench/peer"
)

// turn is how many seconds a turn lasts at least.
const turn = 0.7

// benchmark is one case: a network, images at once, pixels a side.
type benchmark struct {
	Network     string
	Batch, Size int
}

func (k benchmark) String() string {
	return fmt.Sprintf("%s, batch %d, %d pixels", k.Network, k.Batch, k.Size)
}

// result is what one contender did in one case.
type result struct {
	benchmark
	contender
	peer.Record
	Difference float64 // of the features from the reference's: relative L2
}

// contest lets contenders compute in turns.
type contest struct {
	dir        string // of networks, inputs and features; removed at the end
	contenders []contender
	files      map[string]string // of the networks written so far
}

func newContest() (*contest, error) {
	if *isa != "" && *isa != "avx2" {
		return nil, fmt.Errorf("-isa %s: want -isa avx2, or none for all that the processor has", *isa)
	}
	chosen, err := chosenContenders()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tl-peers-")
	return &contest{dir: dir, contenders: chosen, files: map[string]string{}}, err
}

// entrant is a contender at work on one case.
type entrant struct {
	*peer.Process
	contender
	difference float64
	iterations int // that fill a turn
}

// measure runs one case: fresh processes, so that each one's peak memory is
// this case's, all loaded and checked before the first round.
func (c *contest) measure(ctx context.Context, k benchmark) ([]result, error) {
	l, err := c.prepare(k)
	if err != nil {
		return nil, err
	}
	var entrants []*entrant
	defer func() {
		for _, e := range entrants {
			e.Kill()
		}
	}()
	for _, who := range c.contenders {
		if !who.takesPart(k) {
			continue
		}
		command, err := who.command()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", who, err)
		}
		p, err := peer.Start(ctx, command)
		if err != nil {
			return nil, err
		}
		e := &entrant{Process: p, contender: who}
		entrants = append(entrants, e)
		if err := e.warmUp(l); err != nil {
			return nil, err
		}
	}
	if err := c.compare(entrants); err != nil {
		return nil, err
	}
	for round := range *rounds {
		fmt.Fprintf(os.Stderr, "%v: round %d of %d\n", k, round+1, *rounds)
		for _, e := range entrants {
			if err := e.TakeTurn(e.iterations); err != nil {
				return nil, err
			}
		}
	}
	results := make([]result, len(entrants))
	for i, e := range entrants {
		results[i] = result{k, e.contender, e.Record, e.difference}
	}
	return results, nil
}

// prepare writes the files of a case.
func (c *contest) prepare(k benchmark) (load, error) {
	if c.files[k.Network] == "" {
		path, err := writeNetwork(k.Network, *resnet50, c.dir)
		if err != nil {
			return load{}, err
		}
		c.files[k.Network] = path
	}
	input := filepath.Join(c.dir, "input.npy")
	l := load{Network: c.files[k.Network], Input: input, Batch: k.Batch, Size: k.Size, Threads: *threads}
	return l, peer.WriteNPY(input, noise(k.Batch, k.Size))
}

// warmUp loads the case, runs it unmeasured and finds out how many iterations
// fill a turn.
func (e *entrant) warmUp(l load) error {
	l.Precision = e.Precision
	if err := e.Load(l); err != nil {
		return err
	}
	if _, err := e.Run(1); err != nil {
		return err
	}
	ran, err := e.Run(2)
	if err != nil {
		return err
	}
	e.iterations = max(2, int(math.Ceil(turn*ran.Rate()/float64(l.Batch))))
	return nil
}

// compare wants the same features of all as of the reference, within the
// tolerance of their precision.
func (c *contest) compare(entrants []*entrant) error {
	var want []float32
	for _, e := range entrants { // the reference is the first
		got, err := e.Output(c.dir)
		if err != nil {
			return err
		}
		if want == nil {
			want = got.Data
		}
		e.difference = difference(got.Data, want)
		if most := tolerance[e.Precision]; !(e.difference <= most) {
			return fmt.Errorf("%v: features differ from those of %s by %.3g (relative L2), want at most %g", e.contender, reference, e.difference, most)
		}
	}
	return nil
}

// difference returns ‖x−y‖ ÷ ‖y‖, +Inf where the lengths differ.
func difference(x, y []float32) float64 {
	if len(x) != len(y) {
		return math.Inf(1)
	}
	var apart, size float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		apart, size = apart+d*d, size+float64(y[i])*float64(y[i])
	}
	return math.Sqrt(apart / size)
}
