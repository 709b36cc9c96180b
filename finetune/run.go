package finetune

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/internal/dataset"
)

// Run trains, evaluates and exports as o says, in a folder of its own. When ctx
// ends it stops after the step at hand, and Resume goes on.
func Run(ctx context.Context, o Options, p Progress) (*Outcome, error) {
	resetPeakMemory()
	r, err := o.Resolved()
	if err != nil {
		return nil, err
	}
	if r.Name != "" {
		if err := unused(filepath.Join(r.Runs, r.Name)); err != nil {
			return nil, err // before hours of work, not after
		}
	}
	src, card, err := openSource(r, p)
	if err != nil {
		return nil, err
	}
	defer src.close()
	r.Precision = chosen(src, r.Precision, p)
	d, err := OpenData(ctx, r.Data, p)
	if err != nil {
		return nil, err
	}
	return runOn(ctx, d, src, card, o, r, p, (*run).steps)
}

// runOn does work in a new run on data and with a source that are open already.
func runOn(ctx context.Context, d *Data, src source, card *backbones.Card, given, o Options, p Progress, w work) (*Outcome, error) {
	if err := d.everyClass(); err != nil {
		return nil, err
	}
	f, err := createFolder(o.Runs, o.Name, folderPrefix(o, card))
	if err != nil {
		return nil, err
	}
	defer f.close()
	if err := f.writeSettings(d.set.Root, given, o); err != nil {
		return nil, err
	}
	if err := d.set.SaveManifest(f.file(splitFile)); err != nil {
		return nil, err
	}
	if err := f.keepCorrections(d); err != nil {
		return nil, err
	}
	return (&run{o: o, data: d, src: src, card: card, folder: f, p: p}).do(ctx, w)
}

// openSource opens what feeds the trainable part and says what it found. card
// is nil for the baseline CNN.
func openSource(o Options, p Progress) (source, *backbones.Card, error) {
	if o.Model == "baseline" {
		return pixels{o.Size}, nil, nil
	}
	b, err := backbones.Open(o.Backbone, backbones.Options{
		Cut: o.Cut, Unfreeze: o.Unfreeze, UnfreezeFrom: o.UnfreezeFrom, Size: o.Size, Preprocess: o.Preprocess, Pool: o.pool(),
		Batch: extractBatch, Threads: o.Threads, MaxMemory: o.MaxMemory, Dir: o.WeightsDir,
	})
	if err != nil {
		return nil, nil, err
	}
	c := b.Card()
	p.Note(fmt.Sprintf("backbone: %s, cut at %s, %d×%d pixels → features %v", c.Name, c.CutName, c.Size, c.Size, c.Feature))
	p.Note(fmt.Sprintf("preprocessing: %s (%s)", c.Preprocess.Name, c.PreprocessWhy))
	for _, n := range c.Notes {
		p.Note(n)
	}
	if c.Untrained != "" {
		p.Warn("this network looks untrained: " + c.Untrained)
	}
	return frozen{b}, &c, nil
}

// pool is how the head wants the features pooled.
func (o Options) pool() string {
	return map[string]string{"gap": backbones.PoolMean, "avgmax": backbones.PoolMeanMax}[o.Head]
}

func folderPrefix(o Options, c *backbones.Card) string {
	if c == nil {
		return "baseline"
	}
	return c.Name
}

// run is one training with its folder.
type run struct {
	o      Options
	data   *Data
	src    source
	card   *backbones.Card // nil for the baseline
	folder *Folder
	p      Progress

	precision    Precision // of the features, once they are there
	trainingOnly bool      // no features of other images are wanted

	extracted time.Duration // for features that were there when the work began
}

// work is what is done in a run: its steps, or only its training.
type work func(*run, context.Context) (*Outcome, error)

// do does the work with the folder told first and, when ctx ends, how to go on.
func (r *run) do(ctx context.Context, w work) (*Outcome, error) {
	r.p.Note("run folder: " + r.folder.Path)
	out, err := w(r, ctx)
	if errors.Is(err, context.Canceled) {
		again := "tl finetune --resume " + r.folder.Path
		if r.o.CacheDir != "" {
			again += " --cache-dir " + r.o.CacheDir
		}
		err = fmt.Errorf("%w (%s goes on)", err, again)
	}
	return out, err
}

// steps extracts, trains, evaluates, exports and reports.
func (r *run) steps(ctx context.Context) (*Outcome, error) {
	start := time.Now()
	var out *Outcome
	err := r.train(ctx, func(t *trainer, extracted time.Duration) error {
		trained := time.Since(start) - extracted
		var err error
		if out, err = r.finish(ctx, t); err != nil {
			return err
		}
		out.ExtractSeconds, out.TrainSeconds = (r.extracted + extracted).Seconds(), trained.Seconds()
		out.Seconds, out.PeakMemory = (r.extracted + time.Since(start)).Seconds(), peakMemory()
		earlier, _ := os.ReadFile(r.folder.file(resultFile))
		out.addEarlier(earlier, t.log)
		return r.write(out, t)
	})
	return out, err
}

// train extracts the features and trains on them, then calls done with the best
// weights in place and how long the extraction took.
func (r *run) train(ctx context.Context, done func(*trainer, time.Duration) error) error {
	start := time.Now()
	for _, fact := range r.data.Facts {
		r.p.Note(fact)
	}
	for _, w := range r.data.Warnings {
		r.p.Warn(w)
	}
	x, err := r.features(ctx)
	if err != nil {
		return err
	}
	defer x.close()
	extracted := time.Since(start)
	t, err := r.trainer(ctx, x)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.restore(r.folder); err != nil {
		return err
	}
	if t.state.Epoch > 0 {
		r.p.Note(fmt.Sprintf("going on after epoch %d", t.state.Epoch))
	}
	if err := t.fit(ctx, r.folder, r.p); err != nil {
		return err
	}
	return done(t, extracted)
}

// trainer sets up what learns, in its phases, and what it learns from.
func (r *run) trainer(ctx context.Context, x *features) (*trainer, error) {
	o := r.o
	t := &trainer{o: o, data: r.data, train: r.data.set.Indices(dataset.Train), val: r.data.set.Indices(dataset.Val)}
	if len(t.train) == 0 || len(t.val) == 0 {
		return nil, fmt.Errorf("%s: %d training and %d validation images: wants some of both (--val)", o.Data.Path, len(t.train), len(t.val))
	}
	t.state.Settings, t.state.Features, t.state.Images = digest(o.withoutPaths()), x.Key, r.data.set.Digest()
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	copies, err := r.copies(ctx)
	if err != nil {
		return nil, err
	}
	t.owned = copies
	last, lastCopies := x, copies
	if body != nil {
		if last, lastCopies, err = r.through(ctx, body, x, copies); err != nil {
			closeAll(t.owned)
			return nil, err
		}
		t.owned = append(append(t.owned, last), lastCopies...)
	}
	if err := t.setPhases(body, x, last, copies, lastCopies); err != nil {
		closeAll(t.owned)
		return nil, err
	}
	return t, nil
}

// setPhases makes the phases: the head on last, and where there is a body both
// on x.
func (t *trainer) setPhases(body *heads.Body, x, last *features, copies, lastCopies []*features) error {
	h, err := t.newHead(last)
	if err != nil {
		return err
	}
	head := t.headPhase(last, h)
	head.copies = lastCopies
	t.phases = []phase{head}
	if body == nil {
		return nil
	}
	full, err := h.On(body)
	if err != nil {
		return err
	}
	both := t.unfrozenPhase(x, full)
	both.copies = copies
	t.phases = append(t.phases, both)
	return nil
}

// newHead makes the head for features x and scales them.
func (t *trainer) newHead(x *features) (*heads.Head, error) {
	h, err := heads.New(headSpec(t.o, x.Shape, len(t.data.Classes())))
	if err != nil {
		return nil, err
	}
	h.SetThreads(t.o.Threads)
	if t.o.Standardise != "auto" {
		return h, nil
	}
	mean, deviation, err := t.normaliser(x)
	if err != nil {
		return nil, err
	}
	return h, h.SetNormaliser(mean, deviation)
}

// headSpec is the trainable part of o for features of a shape. Pooling, where
// it is asked for, is done once with the frozen part.
func headSpec(o Options, input []int, classes int) heads.Spec {
	dropout := orZero(o.Dropout)
	if dropout == 0 && o.Model == "baseline" {
		dropout = none // package heads has a default of its own
	}
	return heads.Spec{
		Model: o.Model, Input: input, Head: "flat", Hidden: o.Hidden, Dropout: dropout,
		Classes: classes, Seed: o.Seed, Standardise: o.Standardise == "auto",
	}
}
