package finetune

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/report"
)

// Precision is what features were computed in, and what that cost them.
type Precision struct {
	Name      string  `json:"name"`                // "f32", "bf16" or "int8"
	Deviation float64 `json:"deviation,omitempty"` // relative L2 error of the features against float32: 0.02 is 2 %
	Images    int     `json:"images,omitempty"`    // training images that it was measured on
}

// String is the precision in words.
func (p Precision) String() string {
	if p.Images == 0 {
		return p.Name
	}
	return fmt.Sprintf("%s, features differ from float32 by %s (relative L2 over %d training images)", p.Name, report.Percent(p.Deviation, 2), p.Images)
}

// chosen is the precision that a new run computes features in: the one asked
// for, or f32 where this processor lacks it.
func chosen(src source, precision string, p Progress) string {
	if f, ok := src.(frozen); ok {
		if reason := f.Supports(precision); reason != nil {
			p.Warn(reason.Error() + "; features are computed in f32")
			return "f32"
		}
	}
	return precision
}

// features returns the cached features of every image, in the precision of the
// run's options.
func (r *run) features(ctx context.Context) (*features, error) {
	if f, ok := r.src.(frozen); ok {
		if err := r.lower(ctx, f); err != nil {
			return nil, err
		}
	}
	return extract(ctx, r.data, r.src, r.o, r.p)
}

// lower has the frozen part compute in the precision of the run's options, and
// says what that costs. Only a run that goes on elsewhere can lack it there.
func (r *run) lower(ctx context.Context, f frozen) error {
	r.precision.Name = r.o.Precision
	if r.o.Precision == "f32" {
		return nil
	}
	if err := f.Supports(r.o.Precision); err != nil {
		return fmt.Errorf("%s: began with features in %s: %w (go on where it began, or start a new run)", r.folder.Path, r.o.Precision, err)
	}
	samples := r.data.samples(extractBatch)
	for b, err := range r.data.set.Batches(ctx, dataset.BatchOptions{Batch: len(samples), Size: f.size(), Indices: samples}) {
		if err == nil {
			r.precision.Images = len(samples)
			r.precision.Deviation, err = f.Lower(ctx, r.o.Precision, b.Pixels, len(samples))
		}
		if err != nil {
			return err
		}
		r.p.Note(fmt.Sprintf("precision: %v", r.precision))
	}
	return ctx.Err()
}

// samples returns at most n training items, evenly spaced in the order of
// their digests: the same images wherever they lie.
func (d *Data) samples(n int) []int {
	train := d.set.Indices(dataset.Train)
	slices.SortFunc(train, func(a, b int) int { return cmp.Compare(d.set.Items[a].SHA256, d.set.Items[b].SHA256) })
	n = min(n, len(train))
	out := make([]int, n)
	for i := range out {
		out[i] = train[i*len(train)/n]
	}
	return out
}
