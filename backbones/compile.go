package backbones

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/graph"
)

// compile prepares the network to run.
func (b *Backbone) compile(o Options) (err error) {
	c := &b.card
	if c.Preprocess.Name == "" {
		return fmt.Errorf("how its pictures must be prepared is not known: %s (give --preprocess with one of %s)", c.PreprocessWhy, preprocessNames("; "))
	}
	if !slices.Contains([]string{"", PoolMean, PoolMeanMax}, o.Pool) {
		return fmt.Errorf("pooling %q is none of %q and %q", o.Pool, PoolMean, PoolMeanMax)
	}
	b.how, b.batch = o, o.Batch
	if b.batch <= 0 {
		b.batch = 8
	}
	if b.engine, err = engine.CPU(o.Threads); err != nil {
		return err
	}
	g, err := b.program(context.Background(), engine.Options{})
	if err != nil {
		return err
	}
	b.graph, b.body = nil, nil // their constants may be converted copies of the file's
	b.whole.Shape = g.Inputs[0].Shape
	c.Feature = g.Outputs[0].Shape[1:].Clone()
	if c.Pool = o.Pool; o.Pool != "" && c.Unfrozen == nil {
		c.Feature = c.Feature[:1]
	}
	return nil
}

// program compiles the network from a batch of pictures to their features, in
// the precision that o says.
func (b *Backbone) program(ctx context.Context, o engine.Options) (*graph.Graph, error) {
	c := &b.card
	g, err := graph.Import(b.m, graph.ImportOptions{Batch: b.batch, Size: c.Size, Outputs: []string{c.End()}})
	if err != nil {
		return nil, trimmed(err, c.File)
	}
	if b.how.Pool != "" && c.Unfrozen == nil {
		graph.Pool(g, b.how.Pool == PoolMeanMax)
	}
	p := engine.Program{Graph: g, Release: b.m.Release}
	if c.Layout != "NHWC" {
		p.Normalise = c.Preprocess.normalise()
	}
	o.Raw, o.MaxMemory = b.how.Raw, b.how.MaxMemory
	x, err := b.engine.Compile(ctx, p, o)
	if err != nil {
		return nil, trimmed(err, c.File)
	}
	b.exec = x
	return g, nil
}

// Supports returns nil, or why this machine cannot compute in a precision:
// "f32", "bf16" or "int8".
func (b *Backbone) Supports(precision string) error { return b.engine.Supports(precision) }

// Lower has the backbone compute in a low precision, "bf16" or "int8", from
// now on; "f32" and "" change nothing. It wants n pictures like those to come,
// of which it looks at one batch, and repeats them where they are fewer:
//
//	pixels []float32 // (n,3,S,S) RGB, 0 … 255, S the card's size
//
// int8 takes the ranges of activations from them. deviation is the relative L2
// error of their features against float32: 0.02 is 2 %. A precision that the
// machine lacks is refused and changes nothing; after another error, such as
// that of ctx when it ends, the backbone can only be closed.
func (b *Backbone) Lower(ctx context.Context, precision string, pixels []float32, n int) (deviation float64, err error) {
	if precision == "" || precision == "f32" {
		return 0, nil
	}
	picture := 3 * b.card.Size * b.card.Size
	if n < 1 || len(pixels) < n*picture {
		return 0, fmt.Errorf("%s: %s wants sample pictures of %d numbers each, got %d pictures in %d numbers", b.card.File, precision, picture, n, len(pixels))
	}
	if err := b.Supports(precision); err != nil {
		return 0, fmt.Errorf("%s: %w", b.card.File, err)
	}
	batch := make([]float32, 0, b.batch*picture)
	for i := range b.batch {
		batch = append(batch, pixels[i%n*picture:][:picture]...)
	}
	b.exec = nil
	runtime.GC() // its memory is needed
	if _, err := b.program(ctx, engine.Options{Precision: precision, Samples: b.feed(batch, b.batch)}); err != nil {
		return 0, fmt.Errorf("%s: %w", b.card.File, err)
	}
	b.low = " " + precision
	if precision == "int8" { // features depend on the samples
		b.low += fmt.Sprintf(" %x", digest(batch))
	}
	return b.exec.Deviation(), nil
}

// digest is the SHA-256 of numbers, its first half.
func digest(x []float32) []byte {
	h := sha256.New()
	binary.Write(h, binary.LittleEndian, x) // a hash never fails
	return h.Sum(nil)[:16]
}
