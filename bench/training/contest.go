package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/tlkit/tl/bench/peer"
)

// contender is one process: tl, or torch in one of its settings.
type contender struct {
	Peer    string
	Variant string // of several variants the fastest counts; may be empty
}

func (c contender) String() string {
	if c.Variant == "" {
		return c.Peer
	}
	return c.Peer + " " + c.Variant
}

// tolerance is the largest relative difference of a first loss from torch's.
const tolerance = 1e-4

// result is what one contender did in one row.
type result struct {
	row
	contender
	peer.Record
	images     int
	difference float64 // of the first losses from tl's, relative; NaN of a whole finetune
	epochs     int     // of a whole finetune: those computed
	auc        float64 // and that of the test images
}

// contest lets contenders train in turns.
type contest struct {
	flags
	dir string // of all files; removed at the end
}

// entrant is a contender at work.
type entrant struct {
	*peer.Process
	contender
	output []float32 // first losses; of a whole finetune what it came to
}

// measure runs one row: fresh processes, so that each one's peak memory is this
// row's, in turns.
func (c contest) measure(ctx context.Context, r row) (results []result, err error) {
	dir := filepath.Join(c.dir, r.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // features of many images are large
	if r.whole {
		return c.finetunes(ctx, r, dir)
	}
	if c.flags.images > 0 {
		r.count = c.flags.images
	}
	fmt.Fprintf(os.Stderr, "%s: preparing\n", r.name)
	l, err := r.prepare(ctx, c.flags, dir)
	if err != nil {
		return nil, err
	}
	var entrants []*entrant
	defer func() { killAll(entrants) }()
	for _, who := range []contender{{Peer: "tl"}, {"torch", "planes"}, {"torch", "channels_last"}} {
		e, err := c.enter(ctx, who, "torch_steps.py", l)
		if err != nil {
			return nil, err
		}
		entrants = append(entrants, e)
		if e.output, err = e.outputs(dir); err != nil {
			return nil, err
		}
		if d := difference(e.output, entrants[0].output); !(d <= tolerance) {
			return nil, fmt.Errorf("%v: first losses %v, tl %v: they differ by %.2g, want at most %g", e, e.output, entrants[0].output, d, tolerance)
		}
	}
	for round := range c.rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", r.name, round+1, c.rounds)
		for _, e := range entrants {
			if err := e.TakeTurn(1); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range entrants {
		results = append(results, result{row: r, contender: e.contender, Record: e.Record, images: r.count, difference: difference(e.output, entrants[0].output)})
	}
	return results, nil
}

// finetunes runs a whole finetune of each in turns. tl is first, since torch
// repeats its split and its number of epochs.
func (c contest) finetunes(ctx context.Context, r row, dir string) (results []result, err error) {
	w := whole{Data: c.data, Dir: dir, Plain: c.epochs}
	if c.flags.images > 0 {
		if w.Data, err = copyImages(c.data, dir, c.flags.images); err != nil {
			return nil, err
		}
	}
	l := load{Net: r.net, Backbone: c.resnet50, Size: r.size, Threads: c.threads, Whole: &w}
	var entrants []*entrant
	defer func() { killAll(entrants) }()
	for round := range c.rounds {
		for i, who := range []contender{{Peer: "tl"}, {"torch", "cached"}, {"torch", "plain"}} {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d, %v\n", r.name, round+1, c.rounds, who)
			if round == 0 {
				e, err := c.enter(ctx, who, "torch_whole.py", l)
				if err != nil {
					return nil, err
				}
				entrants = append(entrants, e)
			}
			e := entrants[i]
			if err := e.TakeTurn(1); err != nil {
				return nil, err
			}
			if e.output, err = e.outputs(dir); err != nil {
				return nil, err
			}
			if who.Peer == "tl" {
				w.Epochs = int(e.output[0])
			}
		}
	}
	for _, e := range entrants {
		results = append(results, result{row: r, contender: e.contender, Record: e.Record, images: int(e.output[2]),
			difference: math.NaN(), epochs: int(e.output[0]), auc: float64(e.output[1])})
	}
	return results, nil
}

// enter starts a contender and loads its work.
func (c contest) enter(ctx context.Context, who contender, script string, l load) (*entrant, error) {
	var args []string
	var err error
	var env []string
	if who.Peer == "tl" {
		args, err = peer.Self()
	} else {
		args, err = peer.Python(c.python, "internal/testkit/oracle/setup", filepath.Join(c.scripts, script), who.Variant)
		env = strings.Fields(peer.KeepMemory)
	}
	if err != nil {
		return nil, err
	}
	p, err := peer.Start(ctx, peer.Command{Label: who.String(), Args: args, Env: env, Threads: c.threads})
	if err != nil {
		return nil, err
	}
	e := &entrant{Process: p, contender: who}
	if err := e.Load(l); err != nil {
		e.Kill()
		return nil, err
	}
	return e, nil
}

// outputs are what the contender is compared by.
func (e *entrant) outputs(dir string) ([]float32, error) {
	x, err := e.Output(dir)
	if err != nil {
		return nil, err
	}
	return x.Data, nil
}

func killAll(entrants []*entrant) {
	for _, e := range entrants {
		e.Kill()
	}
}

// difference is the largest |x-y| ÷ |y|; +Inf where the lengths differ.
func difference(x, y []float32) float64 {
	if len(x) != len(y) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range x {
		d := math.Abs(float64(x[i])-float64(y[i])) / math.Abs(float64(y[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		most = max(most, d)
	}
	return most
}
