package dataset

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
)

// BatchOptions says which pictures to read and how. The zero value reads all,
// 32 at a time, at 224×224.
type BatchOptions struct {
	Batch   int   // pictures a batch; 0 = 32. The last batch may be smaller
	Size    int   // S, side of the square; 0 = 224
	Workers int   // pictures decoded at a time; 0 = all cores
	Indices []int // into Items, in the order wanted; nil = all
}

// Batch is some pictures, ready for a network's preprocessing.
type Batch struct {
	Indices []int     // into Items, length n
	Pixels  []float32 // (n,3,S,S) RGB, 0…255; valid until the next batch is asked for
}

// batchesAhead is how many batches may be decoded before they are asked for.
const batchesAhead = 2

// Batches reads, decodes and resizes pictures beside the consumer's work, in
// the order asked for whatever the number of workers. It stops at the first
// error, which names the file; a file that changed since the scan is one.
// Breaking off or cancelling ctx ends all goroutines before the loop is left.
func (d *Dataset) Batches(ctx context.Context, o BatchOptions) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		p := newPipeline(d, o)
		defer p.wg.Wait()
		defer cancel()
		p.start(ctx)
		for b := range p.order {
			if err := b.wait(ctx); err != nil {
				yield(Batch{}, err)
				return
			}
			if !yield(Batch{Indices: b.indices, Pixels: b.pixels}, nil) {
				return
			}
			p.free <- b.pixels[:cap(b.pixels)]
		}
		if err := ctx.Err(); err != nil {
			yield(Batch{}, err)
		}
	}
}

// pipeline decodes batches in order: feed hands out pictures, workers fill
// their places, the consumer waits for whole batches.
type pipeline struct {
	d       *Dataset
	batch   int
	size    int
	workers int
	indices []int
	order   chan *pending  // batches in the order of indices
	jobs    chan job       // pictures to decode
	free    chan []float32 // buffers of batch·3·S·S
	wg      sync.WaitGroup
}

// pending is a batch that is being filled.
type pending struct {
	indices []int
	pixels  []float32
	errs    []error // one a picture
	filled  sync.WaitGroup
	done    chan struct{}
}

// job is one picture of a batch.
type job struct {
	b  *pending
	at int
}

func newPipeline(d *Dataset, o BatchOptions) *pipeline {
	p := &pipeline{d: d, batch: o.Batch, size: o.Size, workers: o.Workers, indices: o.Indices}
	if p.batch <= 0 {
		p.batch = 32
	}
	if p.size <= 0 {
		p.size = 224
	}
	if p.workers <= 0 {
		p.workers = runtime.GOMAXPROCS(0)
	}
	if p.indices == nil {
		p.indices = make([]int, len(d.Items))
		for i := range p.indices {
			p.indices[i] = i
		}
	}
	p.order = make(chan *pending, batchesAhead+1)
	p.jobs = make(chan job)
	p.free = make(chan []float32, batchesAhead+1)
	for range batchesAhead + 1 {
		p.free <- nil // made when first used
	}
	return p
}

func (p *pipeline) start(ctx context.Context) {
	p.wg.Go(func() { p.feed(ctx) })
	for range min(p.workers, max(len(p.indices), 1)) {
		p.wg.Go(p.work)
	}
}

// feed makes the batches and hands out their pictures.
func (p *pipeline) feed(ctx context.Context) {
	defer close(p.jobs)
	defer close(p.order)
	for rest := p.indices; len(rest) > 0; {
		n := min(p.batch, len(rest))
		b := &pending{indices: rest[:n:n], errs: make([]error, n), done: make(chan struct{})}
		rest = rest[n:]
		select {
		case buf := <-p.free:
			b.pixels = p.buffer(buf, n)
		case <-ctx.Done():
			return
		}
		b.filled.Add(n)
		p.order <- b // has room: there are no more batches than buffers
		for i := range n {
			select {
			case p.jobs <- job{b, i}:
			case <-ctx.Done():
				return
			}
		}
		p.wg.Go(func() { b.filled.Wait(); close(b.done) })
	}
}

// buffer returns room for n pictures.
func (p *pipeline) buffer(b []float32, n int) []float32 {
	if b == nil {
		b = make([]float32, min(p.batch, len(p.indices))*3*p.size*p.size)
	}
	return b[:n*3*p.size*p.size]
}

// work decodes until there is nothing left.
func (p *pipeline) work() {
	plane := 3 * p.size * p.size
	for j := range p.jobs {
		j.b.errs[j.at] = p.one(j.b.pixels[j.at*plane:(j.at+1)*plane], j.b.indices[j.at])
		j.b.filled.Done()
	}
}

// one fills dst (3,S,S) with picture i.
func (p *pipeline) one(dst []float32, i int) error {
	if i < 0 || i >= len(p.d.Items) {
		return fmt.Errorf("%s: no picture %d, there are %d", p.d.Root, i, len(p.d.Items))
	}
	im, err := p.d.Load(i)
	if err != nil {
		return err
	}
	Resize(dst, im, p.size)
	return nil
}

// wait returns when the batch is full, with its first error.
func (b *pending) wait(ctx context.Context) error {
	select {
	case <-b.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, err := range b.errs {
		if err != nil {
			return err
		}
	}
	return nil
}
