package finetune

import (
	"context"
	"fmt"
	"iter"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/engine"
)

// unfreezes reports whether a part of the backbone learns with the head.
func (o Options) unfreezes() bool { return o.Unfreeze > 0 || o.UnfreezeFrom != "" }

// body makes the unfrozen part of the backbone ready to learn, nil where all is
// frozen.
func (r *run) body() (*heads.Body, error) {
	f, ok := r.src.(frozen)
	if !ok || f.Part() == nil {
		return nil, nil
	}
	part := f.Part()
	b, err := heads.NewBody(heads.BodySpec{Model: part.Model, From: part.From, Shape: part.Shape, To: part.To, Pool: part.Pool, Norms: r.o.TrainNorms})
	if err != nil {
		return nil, err
	}
	for _, n := range b.Notes() {
		r.p.Note(n)
	}
	return b, nil
}

// unfrozen is the source of what the head alone learns from: the output of the
// unfrozen part with the file's weights, computed from the cached features
// before it, so that the frozen part runs once.
type unfrozen struct {
	body    *heads.Body
	card    *backbones.Card
	before  *features
	threads int
}

func (u unfrozen) shape() []int { return u.body.OutputShape() }
func (u unfrozen) size() int    { return u.card.Size }
func (u unfrozen) close() error { return nil }

func (u unfrozen) key() string {
	return digest("unfrozen part", u.before.Key, u.before.Type, u.card.Unfrozen.From, u.card.Cut, u.card.Pool)
}

func (u unfrozen) compute(ctx context.Context, dst, x []float32, n int) error {
	return u.body.Features(ctx, dst, x, n, u.threads)
}

// through computes what the unfrozen part, with the file's weights, makes of
// features before it, and of their copies.
func (r *run) through(ctx context.Context, b *heads.Body, x *features, copies []*features) (last *features, lastCopies []*features, err error) {
	part := func(before *features, copy bool) (*features, error) {
		return extraction{data: r.data, src: unfrozen{b, r.card, before, r.o.Threads}, p: r.p, training: copy || r.trainingOnly}.extract(ctx, r.o)
	}
	if last, err = part(x, false); err != nil {
		return nil, nil, err
	}
	for _, c := range copies {
		y, err := part(c, true)
		if err != nil {
			last.close()
			closeAll(lastCopies)
			return nil, nil, err
		}
		lastCopies = append(lastCopies, y)
	}
	return last, lastCopies, nil
}

// rows reads the features before the unfrozen part of items, in batches as
// Dataset.Batches reads pixels.
func (u unfrozen) rows(d *Data, items []int, batch int) iter.Seq2[dataset.Batch, error] {
	size := u.before.rowSize()
	return func(yield func(dataset.Batch, error) bool) {
		x := make([]float32, batch*size)
		for lo := 0; lo < len(items); lo += batch {
			part := items[lo:min(lo+batch, len(items))]
			for i, k := range part {
				if err := u.before.read(x[i*size:][:size], d.set.Items[k].SHA256); err != nil {
					yield(dataset.Batch{}, err)
					return
				}
			}
			if !yield(dataset.Batch{Indices: part, Pixels: x[:len(part)*size]}, nil) {
				return
			}
		}
	}
}

// fits returns an error where training would take more bytes than it may.
func fits(bytes int64, o Options) error {
	limit, what := o.MaxMemory, "--max-memory allows"
	if limit == 0 {
		limit, what = engine.MachineMemory(), "this machine has"
	}
	if limit > 0 && bytes > limit {
		return fmt.Errorf("training the unfrozen part would hold %.0f MiB, %s %.0f MiB (--accumulate %d takes less, and so does a smaller --batch, or fewer blocks to --unfreeze)",
			float64(bytes)/(1<<20), what, float64(limit)/(1<<20), 2*max(1, o.Accumulate))
	}
	return nil
}
