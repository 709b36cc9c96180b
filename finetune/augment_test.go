package finetune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// varied are runs that vary their training images: pixels anew in each epoch,
// or features of copies before a head and before an unfrozen part.
func (s scene) varied(t testing.TB) map[string]func(name string) Options {
	return map[string]func(string) Options{
		"baseline": func(name string) Options {
			o := s.options(name)
			o.Model, o.Size, o.Epochs, o.LearningRate, o.Augment = "baseline", 24, 3, 1e-3, "cells"
			return o
		},
		"frozen": func(name string) Options {
			o := s.options(name)
			o.Augment, o.AugmentCopies, o.Epochs = "cells", 2, 3
			return o
		},
		"unfrozen": func(name string) Options {
			o := s.unfreezing(t, name)
			o.Augment, o.AugmentCopies, o.UnfreezeEpochs = "flip,rotate90", 1, 2
			return o
		},
	}
}

// A run that varies its images goes on to the same bytes, on any number of
// threads, and they are others than without.
func TestVariedRunGoesOn(t *testing.T) {
	s := newScene(t)
	for kind, options := range s.varied(t) {
		s.goesOn(t, kind, options, func(o *Options) { o.Augment, o.AugmentCopies = "", 0 })
	}
}

// Mixed runs, interrupted and gone on with on other threads, give the same
// bytes, and others than without mixup.
func TestMixedRunGoesOn(t *testing.T) {
	s := newScene(t)
	for kind, options := range s.varied(t) {
		mixed := func(name string) Options {
			o := options(name)
			o.Augment, o.AugmentCopies, o.Mixup = "", 0, 0.4
			return o
		}
		s.goesOn(t, kind, mixed, func(o *Options) { o.Mixup = 0 })
	}
}

// goesOn checks that a run of the options, stopped after two epochs and gone on
// with on other threads, gives the bytes of one that is not, and a plain run
// gives others.
func (s scene) goesOn(t *testing.T, kind string, options func(name string) Options, plain func(*Options)) {
	t.Helper()
	calm := run1(t, options(kind+"-calm"))
	o := options(kind)
	o.Threads = 3
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, o, &stopper{cancel: cancel, epochs: 2}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	out, err := Resume(t.Context(), filepath.Join(s.runs, kind), Place{CacheDir: s.cache, Threads: 2}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, calm.Folder, out.Folder, modelFile, scoresFile)
	o = options(kind + "-plain")
	plain(&o)
	if bytes.Equal(bytesOf(t, filepath.Join(run1(t, o).Folder, modelFile)), bytesOf(t, filepath.Join(out.Folder, modelFile))) {
		t.Errorf("%s: training is the same without it", kind)
	}
}

// Only training images are varied: the copies hold no other, validation and
// test read the features of the images as they are, and each copy differs.
func TestOnlyTrainingImagesAreVaried(t *testing.T) {
	s := newScene(t)
	o := s.varied(t)["frozen"]("a")
	tr := openedTrainer(t, o)
	copies := tr.phases[0].copies
	if len(copies) != 2 {
		t.Fatalf("%d copies, want 2", len(copies))
	}
	row, other := make([]float32, tr.phases[0].x.rowSize()), make([]float32, tr.phases[0].x.rowSize())
	seen := map[*features]int{}
	for _, k := range tr.train {
		sha := tr.data.set.Items[k].SHA256
		if err := copies[0].read(row, sha); err != nil {
			t.Fatal(err)
		}
		if err := copies[1].read(other, sha); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(row, other) {
			t.Errorf("%s: both copies are the same", sha)
		}
		for epoch := range 10 {
			seen[tr.copyOf(sha, epoch)]++
		}
	}
	for _, k := range tr.val {
		if err := copies[0].read(row, tr.data.set.Items[k].SHA256); err == nil {
			t.Errorf("a validation image is varied")
		}
	}
	for f, n := range seen {
		if share := float64(n) / float64(10*len(tr.train)); share < 0.2 || share > 0.47 {
			t.Errorf("%s is taken in %.2f of the cases, want a third", f.Key, share)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d of the image and its two copies are learned from", len(seen))
	}
}

// What cannot be is refused before any image is read.
func TestAugmentRefuses(t *testing.T) {
	s := newScene(t)
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Augment = "shake" }, `there is no "shake"`},
		{func(o *Options) { o.Augment = "shift=7" }, "shift wants a number"},
		{func(o *Options) { o.AugmentCopies = 3 }, "--augment-copies 3 without --augment"},
	} {
		o := s.options("a")
		c.change(&o)
		_, err := Run(t.Context(), o, Silent{})
		wantError(t, err, c.want)
	}
}

// Many threads vary a batch into the same pixels as one does.
func TestManyThreadsVaryTheSame(t *testing.T) {
	const n, size = 64, 16
	images, one := make([]string, n), make([]float32, n*3*size*size)
	for i := range images {
		images[i] = fmt.Sprintf("%064x", i)
	}
	for i := range one {
		one[i] = float32(i % 256)
	}
	many := slices.Clone(one)
	o := Options{Augment: "cells", Seed: 3}
	for _, v := range []struct {
		pixels  []float32
		threads int
	}{{one, 1}, {many, 8}} {
		a := o.augmentation()
		a.threads = v.threads
		a.vary(v.pixels, size, 1, images, 2)
	}
	if !slices.Equal(one, many) {
		t.Error("8 threads give other pixels than one")
	}
}
