package bench

import (
	"context"
	"slices"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/internal/dataset"
)

// EndToEnd is the way from image files to features beside the bare forward
// pass of as many images.
type EndToEnd struct {
	Network string `json:"network" csv:"network"`
	Spec
	Images       int     `json:"images" csv:"images"` // files in a round
	Rounds       int     `json:"rounds" csv:"rounds"`
	FromFiles    float64 `json:"from_files_images_per_s" csv:"from_files_images_per_s"`           // median: read, decode, resize, normalise, forward
	FromFilesTop float64 `json:"best_from_files_images_per_s" csv:"best_from_files_images_per_s"` // of the rounds
	Forward      float64 `json:"forward_images_per_s" csv:"forward_images_per_s"`                 // median of the bare forward pass
	ForwardTop   float64 `json:"best_forward_images_per_s" csv:"best_forward_images_per_s"`       // of the rounds
	Ratio        float64 `json:"ratio" csv:"ratio"`                                               // FromFiles over Forward: 1 is no time lost on files
	Deviation    float64 `json:"deviation" csv:"deviation"`                                       // relative L2 error of a batch's features against float32
}

// Scan reads every image of a folder once, which also warms the file cache.
func Scan(ctx context.Context, folder string, progress func(done, total int)) (*dataset.Dataset, error) {
	d, _, err := dataset.Scan(ctx, folder, dataset.ScanOptions{NoGroups: true, SkipBad: true, Progress: progress})
	return d, err
}

// FromFiles makes two cases of a spec: features from at most that many files,
// the way that finetune takes, and the bare forward pass of as many images.
// The network must have been opened with a cut or for its features.
func (n *Network) FromFiles(d *dataset.Dataset, images, threads int) Maker {
	return func(ctx context.Context, s Spec) ([]*Case, error) {
		forward, err := n.compile(ctx, s, threads)
		if err != nil {
			return nil, err
		}
		files, err := n.files(ctx, d, pick(len(d.Items), images, s.Batch), s, threads)
		if err != nil {
			forward.Close()
			return nil, err
		}
		forward.repeat((files.Images + s.Batch - 1) / s.Batch)
		return []*Case{files, forward}, nil
	}
}

// pick is at most most of n items, evenly spread: whole batches, since part of
// one takes as long.
func pick(n, most, batch int) []int {
	k := min(n, most)
	if k >= batch {
		k -= k % batch
	}
	items := make([]int, k)
	for i := range items {
		items[i] = i * n / k
	}
	return items
}

// batchesAhead is how many batches of pixels there are at most: package dataset
// makes two while one is computed, and a copy is made of the last.
const batchesAhead = 4

// files makes the case that begins with files. How pictures are normalised
// makes little difference, so it need not be known.
func (n *Network) files(ctx context.Context, d *dataset.Dataset, items []int, s Spec, threads int) (*Case, error) {
	most, err := n.take(s, batchesAhead*int64(s.Batch)*int64(12*s.Size*s.Size))
	if err != nil {
		return nil, err
	}
	b, err := backbones.Open(n.path, backbones.Options{
		Cut: n.outputs[0], Size: s.Size, Batch: s.Batch, Preprocess: "torch", Threads: threads, MaxMemory: most,
	})
	if err != nil {
		return nil, err
	}
	n.taken += b.Memory()
	features := make([]float32, s.Batch*b.FeatureSize())
	c := &Case{Spec: s, Network: n.Name, Images: len(items), memory: b.Memory, close: func() { b.Close() }}
	each := func(ctx context.Context, items []int, do func(pixels []float32, n int) error) error {
		for batch, err := range d.Batches(ctx, dataset.BatchOptions{Batch: s.Batch, Size: s.Size, Indices: items}) {
			if err == nil {
				err = do(batch.Pixels, len(batch.Indices))
			}
			if err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	c.run = func(ctx context.Context) error {
		return each(ctx, items, func(pixels []float32, n int) error { return b.Features(ctx, features, pixels, n) })
	}
	err = each(ctx, pick(len(d.Items), s.Batch, s.Batch), func(pixels []float32, n int) (err error) {
		c.Deviation, err = b.Lower(ctx, s.Precision, pixels, n)
		return err
	})
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// repeat makes a run of the case that many of its runs.
func (c *Case) repeat(times int) {
	once := c.run
	c.Images, c.Flops = c.Images*times, c.Flops*float64(times)
	c.run = func(ctx context.Context) error {
		for range times {
			if err := once(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// EndToEnds compares the cases that FromFiles made, where both were measured.
func EndToEnds(cases []*Case) []EndToEnd {
	var all []EndToEnd
	for pair := range slices.Chunk(cases, 2) {
		files, forward := pair[0], pair[1]
		if len(forward.Seconds) == 0 {
			continue
		}
		e := EndToEnd{Network: files.Network, Spec: files.Spec, Images: files.Images, Rounds: len(forward.Seconds)}
		e.FromFiles, e.FromFilesTop = files.speed()
		e.Forward, e.ForwardTop = forward.speed()
		e.Ratio, e.Deviation = per(e.FromFiles, e.Forward), files.Deviation
		all = append(all, e)
	}
	return all
}
