package backbones

import (
	"context"
	"fmt"

	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// Backbone is an opened network. It is not safe for concurrent use.
type Backbone struct {
	card   Card
	m      *onnx.Model
	graph  *graph.Graph // up to the cut at the card's size, one picture; nil once compiled
	body   *graph.Graph // up to the last named cut, for looking at; nil once compiled
	layers []Layer      // of graph
	all    []Layer      // of the whole network at the file's own size
	engine engine.Engine
	exec   engine.Exec
	how    Options
	batch  int
	low    string         // what Lower adds to Arithmetic
	whole  tensor.Tensor  // a batch of the caller's pictures (batch,3,S,S)
	input  *tensor.Tensor // (batch,3,S,S) for an incomplete batch or (batch,S,S,3), once needed
	fed    [1]*tensor.Tensor
}

// Card returns a copy of what is known about the backbone.
func (b *Backbone) Card() Card { return b.card.clone() }

// FeatureShape is the shape of one picture's features: (C,H,W), (C) or (2C)
// when pooled.
func (b *Backbone) FeatureShape() []int { return b.card.clone().Feature }

// FeatureSize is the number of features of one picture.
func (b *Backbone) FeatureSize() int { return tensor.Shape(b.card.Feature).Size() }

// Arithmetic says what computes the features, e.g. "cpu avx512 6b86b273ff34fce1
// batch 8": the same arithmetic gives the same bytes, another one may differ in
// the last bits, or by as much as Lower tells.
func (b *Backbone) Arithmetic() string {
	return fmt.Sprintf("%s batch %d%s", b.exec.Arithmetic(), b.batch, b.low) // the batch decides which algorithm pays
}

// Memory is the bytes that the compiled network holds.
func (b *Backbone) Memory() int64 { return b.exec.Memory() }

// Model returns the file's model, for export; it ends with Close.
func (b *Backbone) Model() *onnx.Model { return b.m }

// Close gives back the memory, the file and the threads.
func (b *Backbone) Close() error {
	if b.engine != nil {
		b.engine.Close()
		b.engine = nil
	}
	return b.m.Close()
}

// Features computes the features of n pictures:
//
//	dst    []float32 // (n, FeatureShape…)
//	pixels []float32 // (n,3,S,S) RGB, 0 … 255, S the card's size
//
// It runs in batches of one size, so that what comes out for a picture does
// not depend on its neighbours; nothing is allocated. It ends early with ctx.
func (b *Backbone) Features(ctx context.Context, dst, pixels []float32, n int) error {
	picture, feature := 3*b.card.Size*b.card.Size, b.FeatureSize()
	if n < 0 || len(pixels) < n*picture || len(dst) < n*feature {
		return fmt.Errorf("features of %d pictures: wants %d numbers in and %d out, got %d and %d", n, n*picture, n*feature, len(pixels), len(dst))
	}
	for i := 0; i < n; i += b.batch {
		k := min(b.batch, n-i)
		b.fed[0] = b.feed(pixels[i*picture:], k)
		out, err := b.exec.Run(ctx, b.fed[:]...)
		if err != nil {
			return err
		}
		copy(dst[i*feature:(i+k)*feature], out[0].Data)
	}
	return nil
}

// feed is the input with n pictures. The engine normalises planes as it reads
// them, so that a whole batch needs no copy. What an earlier batch left behind
// the last few pictures is computed too and not looked at.
func (b *Backbone) feed(pixels []float32, n int) *tensor.Tensor {
	s := b.card.Size
	if b.card.Layout != "NHWC" && n == b.batch {
		b.whole.Data = pixels[:n*3*s*s]
		return &b.whole
	}
	if b.input == nil {
		b.input = tensor.New(b.whole.Shape...)
	}
	if b.card.Layout == "NHWC" {
		b.card.Preprocess.applyNHWC(b.input.Data, pixels, n, s, s)
	} else {
		copy(b.input.Data, pixels[:n*3*s*s])
	}
	return b.input
}
