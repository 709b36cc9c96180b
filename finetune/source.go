package finetune

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/internal/dataset"
)

// source feeds the trainable part: a frozen backbone's features, or the pixels
// themselves for the baseline CNN. What it computes for an image is fixed, so
// it is computed once and cached.
type source interface {
	// key identifies everything that decides the numbers, but for the images.
	key() string
	// shape is that of one image's features: (C,H,W) or (C).
	shape() []int
	// size is the side in pixels of the square images it wants.
	size() int
	// compute fills dst (n, shape…) from pixels (n,3,size,size) RGB 0…255.
	compute(ctx context.Context, dst, pixels []float32, n int) error
	close() error
}

// frozen is the source behind a head.
type frozen struct{ *backbones.Backbone }

func (f frozen) shape() []int { return f.FeatureShape() }
func (f frozen) size() int    { return f.Card().Size }
func (f frozen) close() error { return f.Close() }

func (f frozen) key() string {
	c := f.Card()
	return digest("frozen", dataset.ResizeRule, f.Arithmetic(), c.Digest, c.End(), c.Feature, c.Size, c.Preprocess)
}

func (f frozen) compute(ctx context.Context, dst, pixels []float32, n int) error {
	return f.Features(ctx, dst, pixels, n)
}

// pixels is the source behind the baseline CNN: v/255, as the lecture does.
type pixels struct{ side int }

func (p pixels) key() string  { return digest("pixels", dataset.ResizeRule, p.side) }
func (p pixels) shape() []int { return []int{3, p.side, p.side} }
func (p pixels) size() int    { return p.side }
func (p pixels) close() error { return nil }

func (p pixels) compute(_ context.Context, dst, pixels []float32, n int) error {
	for i, v := range pixels[:n*3*p.side*p.side] {
		dst[i] = v * (1.0 / 255)
	}
	return nil
}

// digest is the SHA-256 of the JSON of parts, in hex.
func digest(parts ...any) string {
	b, err := json.Marshal(parts)
	if err != nil {
		panic(fmt.Sprintf("finetune: digest of %T: %v", parts, err)) // only plain values are passed
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
