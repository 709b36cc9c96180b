package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/tlkit/tl/bench/peer"
	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/internal/tensor"
)

// compared is how many first losses are compared: those of the second step and
// the third depend on gradients and on Adam too.
const compared = 3

// tl is the contender of this project.
type tl struct {
	load    load
	x       *tensor.Tensor // (N,C,H,W)
	labels  []int
	trainer *heads.Trainer
	order   *rand.Rand

	outcome *finetune.Outcome // of a whole finetune
	images  int               // that it had
}

// Load readies an epoch, whose trainer lives as long as the process.
func (p *tl) Load(what json.RawMessage) (version, settings string, err error) {
	if err := json.Unmarshal(what, &p.load); err != nil {
		return "", "", err
	}
	version = "tl, " + runtime.Version()
	if p.load.Whole != nil {
		return version, "in one process, as tl finetune", nil
	}
	if err := p.read(); err != nil {
		return "", "", err
	}
	h, _, err := p.load.network(true)
	if err != nil {
		return "", "", err
	}
	p.order = rand.New(rand.NewPCG(seed, 0))
	p.trainer, err = h.Trainer(p.load.options())
	return version, "float32", err
}

// options are the optimiser's.
func (l load) options() heads.TrainOptions {
	return heads.TrainOptions{Batch: l.Batch, BodyRate: l.BodyRate / l.Rate, Threads: l.Threads, Seed: seed}
}

// read reads items and labels.
func (p *tl) read() (err error) {
	if p.x, err = peer.ReadNPY(p.load.Items); err != nil {
		return err
	}
	y, err := peer.ReadNPY(p.load.Labels)
	if err != nil {
		return err
	}
	p.labels = make([]int, len(y.Data))
	for i, v := range y.Data {
		p.labels[i] = int(v)
	}
	return nil
}

// Run trains for that many epochs.
func (p *tl) Run(iterations int) (seconds []float64, images int, err error) {
	if p.load.Profile != "" {
		f, err := os.Create(p.load.Profile)
		if err != nil {
			return nil, 0, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, 0, err
		}
		defer pprof.StopCPUProfile()
	}
	for range iterations {
		start := time.Now()
		n, err := p.once()
		if err != nil {
			return nil, 0, err
		}
		seconds, images = append(seconds, time.Since(start).Seconds()), images+n
	}
	return seconds, images, nil
}

// once is one iteration; it returns its number of images.
func (p *tl) once() (images int, err error) {
	if p.load.Whole != nil {
		return p.finetune(context.Background())
	}
	return len(p.labels), p.epoch()
}

// epoch deals the items into batches and makes a step on each.
func (p *tl) epoch() error {
	row := p.x.Shape[1:].Size()
	x, labels := make([]float32, batch*row), make([]int, batch)
	order := p.order.Perm(len(p.labels))
	for lo := 0; lo < len(order); lo += batch {
		part := order[lo:min(lo+batch, len(order))]
		for i, k := range part {
			copy(x[i*row:][:row], p.x.Data[k*row:])
			labels[i] = p.labels[k]
		}
		if _, err := p.trainer.Step(x[:len(part)*row], labels, len(part), p.load.Rate); err != nil {
			return err
		}
	}
	return nil
}

// Output returns the first losses without dropout, the items in their order; of
// a whole finetune what it came to.
func (p *tl) Output() (*tensor.Tensor, error) {
	if p.load.Whole != nil {
		return p.came(), nil
	}
	h, done, err := p.load.network(false)
	if err != nil {
		return nil, err
	}
	defer done()
	t, err := h.Trainer(p.load.options())
	if err != nil {
		return nil, err
	}
	defer t.Close()
	row, losses := p.x.Shape[1:].Size(), tensor.New(compared)
	for i := range losses.Data {
		lo := i * batch % len(p.labels)
		n := min(batch, len(p.labels)-lo)
		loss, err := t.Step(p.x.Data[lo*row:][:n*row], p.labels[lo:], n, p.load.Rate)
		if err != nil {
			return nil, fmt.Errorf("loss %d: %w", i+1, err)
		}
		losses.Data[i] = float32(loss)
	}
	return losses, nil
}
