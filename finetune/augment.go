package finetune

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tlkit/tl/internal/augment"
	"github.com/tlkit/tl/internal/dataset"
)

// augmentation is how training images are varied: by chance that the run's
// seed, the image and a number (the epoch, or that of the copy) decide.
type augmentation struct {
	spec    augment.Spec
	seed    uint64
	threads int
}

// augmentation is that of the options, nil for none.
func (o Options) augmentation() *augmentation {
	spec, err := augment.Parse(o.Augment)
	if err != nil || spec == (augment.Spec{}) { // resolved options have no errors
		return nil
	}
	return &augmentation{spec, o.Seed, o.Threads}
}

// vary changes images (3,size,size) of levels 0…255 times scale in place.
func (a *augmentation) vary(pixels []float32, size int, scale float32, images []string, n int) {
	each(len(images), a.threads, func(i int) {
		x := pixels[i*3*size*size:][:3*size*size]
		for j := range x {
			x[j] /= scale
		}
		a.spec.Apply(x, x, size, augment.Random(a.seed, images[i], n))
		for j := range x {
			x[j] *= scale
		}
	})
}

// each calls f(0) … f(n-1) on some threads, 0 for all cores.
func each(n, threads int, f func(i int)) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// copies returns, for each of the options' copies, the features of varied
// training images. They lie in files of their own, as resumable as the others.
func (r *run) copies(ctx context.Context) (out []*features, err error) {
	a := r.o.augmentation()
	if a == nil || r.o.Model == "baseline" {
		return nil, nil
	}
	for k := 1; k <= r.o.AugmentCopies; k++ {
		r.p.Note(fmt.Sprintf("features of varied training images, copy %d of %d (%s)", k, r.o.AugmentCopies, r.o.Augment))
		x := extraction{data: r.data, src: r.src, p: r.p, augment: a, copy: k}
		f, err := x.extract(ctx, r.o)
		if err != nil {
			closeAll(out)
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func closeAll(list []*features) {
	for _, f := range list {
		f.close()
	}
}

// key of an extraction is its source's, and what the images are varied by.
func (x extraction) key() string {
	if x.augment == nil {
		return x.src.key()
	}
	return digest("varied", x.src.key(), augment.Rule, x.augment.spec.String(), x.augment.seed, x.copy)
}

// images are the digests of those that are computed: all, or where they are
// varied those for training.
func (x extraction) images() []string {
	if !x.training && x.augment == nil {
		return x.data.digests()
	}
	var out []string
	for _, i := range x.data.set.Indices(dataset.Train) {
		out = append(out, x.data.set.Items[i].SHA256)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// read fills rows with what the network learns from in an epoch: the features
// of training images, or of one of their copies by chance, or varied pixels.
func (t *trainer) read(x []float32, labels []int, batch []int, epoch int) error {
	now := t.now()
	row := now.x.rowSize()
	images := make([]string, len(batch))
	for i, k := range batch {
		item := t.train[k]
		images[i], labels[i] = t.data.set.Items[item].SHA256, t.data.label(item)
		if err := t.copyOf(images[i], epoch).read(x[i*row:][:row], images[i]); err != nil {
			return err
		}
	}
	if a := t.o.augmentation(); a != nil && t.o.Model == "baseline" {
		a.vary(x[:len(batch)*row], t.o.Size, 1.0/255, images, epoch)
	}
	return nil
}

// copyOf chooses whose features of an image an epoch learns from: the image's
// own, or those of one of its copies, all as often.
func (t *trainer) copyOf(image string, epoch int) *features {
	now := t.now()
	if len(now.copies) == 0 {
		return now.x
	}
	r := augment.Random(t.o.Seed, "copy of "+image, epoch)
	if k := r.IntN(len(now.copies) + 1); k > 0 {
		return now.copies[k-1]
	}
	return now.x
}
