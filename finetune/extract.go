package finetune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/tlkit/tl/internal/dataset"
)

// extractBatch is the number of images that the frozen plan sees at once.
const extractBatch = 16

// extraction is the work of filling a feature cache.
type extraction struct {
	data *Data
	src  source
	p    Progress

	augment  *augmentation // nil: images as they are
	copy     int           // which variant of each, from 1
	training bool          // only training images
}

// extract returns the cached features of every image of d, computing those
// that are missing. A run that was interrupted goes on where it stopped, and
// two processes that want the same cache take turns.
func extract(ctx context.Context, d *Data, src source, o Options, p Progress) (*features, error) {
	return extraction{data: d, src: src, p: p}.extract(ctx, o)
}

func (x extraction) extract(ctx context.Context, o Options) (*features, error) {
	p := x.p
	h := cacheHeader{Key: x.key(), Type: o.Cache, Shape: x.src.shape(), Images: x.images()}
	path, err := cachePath(o.CacheDir, h)
	if err != nil {
		return nil, err
	}
	if f, err := openFeatures(path, h); err == nil {
		p.Note("features: cached in " + path)
		return f, nil
	}
	lock := flock.New(path + ".lock")
	if err := takeTurn(ctx, lock, p); err != nil {
		return nil, err
	}
	defer lock.Unlock()
	f, err := openFeatures(path, h) // another process may have been first
	if err == nil {
		return f, nil
	}
	if errors.As(err, new(damagedError)) {
		p.Warn(fmt.Sprintf("%v: what is damaged is computed again", err))
		err = os.Rename(path, path+".partial")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := x.fill(ctx, path, h); err != nil {
		return nil, err
	}
	return openFeatures(path, h)
}

// takeTurn waits until no other process holds lock, or ctx ends.
func takeTurn(ctx context.Context, lock *flock.Flock, p Progress) error {
	ok, err := lock.TryLock()
	if err == nil && !ok {
		p.Note("features: another process is computing them; waiting for it")
		_, err = lock.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", lock.Path(), err)
	}
	return nil
}

// fill computes the missing rows of path's partial file and finishes it.
func (x extraction) fill(ctx context.Context, path string, h cacheHeader) error {
	_, _, total := h.layout()
	x.p.Note(fmt.Sprintf("features: %d images of %v numbers as %s take %.1f MiB in %s", len(h.Images), h.Shape, h.Type, float64(total)/(1<<20), path))
	partial := path + ".partial"
	if free := freeBytes(filepath.Dir(path)); free >= 0 && free+allocated(partial) < total {
		return fmt.Errorf("%s: needs %.1f MiB, the disk has %.1f MiB left (--cache-dir on another disk, or --head gap, takes less)",
			filepath.Dir(path), float64(total)/(1<<20), float64(free)/(1<<20))
	}
	c, err := openFeatureFile(partial, h)
	if err != nil {
		return err
	}
	missing, err := c.missing()
	if err == nil {
		missing, err = x.reuse(c, missing)
	}
	if err == nil && len(missing) < len(h.Images) {
		x.p.Note(fmt.Sprintf("features: going on after %d of %d images", len(h.Images)-len(missing), len(h.Images)))
	}
	if err == nil {
		err = x.compute(ctx, c, missing)
	}
	if err != nil {
		c.f.Close()
		return err
	}
	return c.finish(path)
}

// compute fills rows. Images are decoded beside it.
func (x extraction) compute(ctx context.Context, c *featureFile, rows []int) error {
	where := x.data.byDigest()
	items := make([]int, len(rows))
	for i, r := range rows {
		items[i] = where[c.Images[r]]
	}
	x.p.Begin("extracting features", "images", len(c.Images))
	defer x.p.End()
	done := len(c.Images) - len(rows)
	out := make([]float32, extractBatch*c.rowSize())
	for b, err := range x.batches(ctx, items) {
		if err != nil {
			return err
		}
		n := len(b.Indices)
		if x.augment != nil {
			var images []string
			for _, r := range rows[:n] {
				images = append(images, c.Images[r])
			}
			x.augment.vary(b.Pixels, x.src.size(), 1, images, x.copy)
		}
		if err := x.src.compute(ctx, out, b.Pixels, n); err != nil {
			return err
		}
		for i := range n {
			if err := c.write(rows[0], out[i*c.rowSize():][:c.rowSize()]); err != nil {
				return err
			}
			rows = rows[1:]
		}
		done += n
		x.p.Advance(done)
	}
	return ctx.Err()
}

// batches reads what the source computes from: pixels, or of an unfrozen part
// the features before it.
func (x extraction) batches(ctx context.Context, items []int) iter.Seq2[dataset.Batch, error] {
	if u, ok := x.src.(unfrozen); ok {
		return u.rows(x.data, items, extractBatch)
	}
	return x.data.set.Batches(ctx, dataset.BatchOptions{Batch: extractBatch, Size: x.src.size(), Indices: items})
}

// digests returns the SHA-256 of every distinct image, ascending.
func (d *Data) digests() []string {
	out := make([]string, len(d.set.Items))
	for i, it := range d.set.Items {
		out[i] = it.SHA256
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// byDigest returns an item for each image digest.
func (d *Data) byDigest() map[string]int {
	out := make(map[string]int, len(d.set.Items))
	for i, it := range d.set.Items {
		out[it.SHA256] = i
	}
	return out
}
