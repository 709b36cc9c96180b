package finetune

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/weights"
)

// unfreezing are options of a short run that unfreezes two blocks of a small
// residual network with batch norms.
func (s scene) unfreezing(t testing.TB, name string) Options {
	o := s.options(name)
	o.Backbone = filepath.Join(filepath.Dir(s.cache), "resnet18.onnx")
	if !exists(o.Backbone) {
		if err := writeSeeded(o.Backbone, "resnet18", weights.SeededOptions{Size: 32, Classes: 10, Width: 0.125}); err != nil {
			t.Fatal(err)
		}
	}
	o.Cut, o.Unfreeze, o.Epochs, o.UnfreezeEpochs, o.LearningRate, o.BackboneLR, o.Cache = "stage2", 2, 2, 4, 1e-3, 1e-3, "f32"
	o.Size = 64
	o.Patience = 100
	return o
}

// An unfrozen run learns in two phases; what it exports is what it scored, the
// part before the unfrozen one is the file's, and the part itself is not.
func TestUnfrozenRun(t *testing.T) {
	s := newScene(t)
	o := s.unfreezing(t, "a")
	out := run1(t, o)
	log := history(t, out.Folder)
	if len(log.History) != 6 || log.History[1].Phase != "head" || log.History[2].Phase != "unfrozen" || log.Phase != 1 || log.Began != 2 {
		t.Errorf("phases: %+v", log)
	}
	if out.Card.Unfrozen == nil || out.Card.Unfrozen.Blocks != 2 || out.BestEpoch < 3 {
		t.Errorf("unfrozen %+v, best epoch %d: the unfrozen phase brought nothing: %+v", out.Card.Unfrozen, out.BestEpoch, log.History)
	}
	whole := run1(t, func() Options { f := s.unfreezing(t, "frozen"); f.Unfreeze = 0; return f }())
	if sum := whole.Trainable + whole.Frozen; out.Trainable <= whole.Trainable || out.Trainable+out.Frozen > sum {
		t.Errorf("%d learn and %d are frozen, of %d and %d where all of the backbone is", out.Trainable, out.Frozen, whole.Trainable, whole.Frozen)
	}
	before, after := readModel(t, o.Backbone), readModel(t, filepath.Join(out.Folder, modelFile))
	frozenPart := before.Cut(out.Card.Unfrozen.From).Weights
	moved := 0
	for name, w := range after.Weights {
		switch orig := before.Weights[name]; {
		case orig == nil:
		case string(orig.Raw) == string(w.Raw):
		case frozenPart[name] != nil:
			t.Errorf("weight %s of the frozen part has changed", name)
		default:
			moved++
		}
	}
	if moved != 5 {
		t.Errorf("%d weights of the unfrozen part have changed, want its 5 convolutions", moved)
	}
	sameScores(t, s, out, featureError["f32"])
}

// Interrupted in either phase, at any epoch, a run goes on to the same bytes:
// phase, optimiser, schedule and averages are where they were.
func TestUnfrozenRunGoesOn(t *testing.T) {
	s := newScene(t)
	options := func(name string) Options {
		o := s.unfreezing(t, name)
		o.EMA, o.Accumulate, o.Dropout = 0.9, 2, 0.1
		return o
	}
	calm := run1(t, options("calm"))
	for _, stops := range [][]int{{1, 1, 1, 1, 1}, {2, 2}, {3}} {
		o := options("stopped")
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Run(ctx, o, &stopper{cancel: cancel, epochs: stops[0]})
		for _, n := range stops[1:] {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			ctx, cancel = context.WithCancel(t.Context())
			_, err = Resume(ctx, filepath.Join(s.runs, "stopped"), Place{CacheDir: s.cache, Threads: 2}, &stopper{cancel: cancel, epochs: n})
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		out, err := Resume(t.Context(), filepath.Join(s.runs, "stopped"), Place{CacheDir: s.cache, Threads: 1}, Silent{})
		if err != nil {
			t.Fatal(err)
		}
		sameFiles(t, calm.Folder, out.Folder, modelFile, scoresFile)
		sameLog(t, calm.Folder, out.Folder)
		if err := os.RemoveAll(out.Folder); err != nil {
			t.Fatal(err)
		}
	}
}

// Where the unfrozen phase makes things worse, the head's phase is what counts,
// on the file's own weights.
func TestUnfrozenPhaseThatFails(t *testing.T) {
	s := newScene(t)
	o := s.unfreezing(t, "a")
	o.Epochs, o.Patience, o.BackboneLR, o.LearningRate, o.Clip = 6, 2, 1, 0.01, -1
	out := run1(t, o)
	log := history(t, out.Folder)
	if out.BestEpoch > log.Began || log.BestPhase != 0 {
		t.Fatalf("best epoch %d of phase %d, want one of the head's", out.BestEpoch, log.BestPhase)
	}
	page, err := os.ReadFile(filepath.Join(out.Folder, reportFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"unfrozen from " + out.Card.Unfrozen.Name + " on", fmt.Sprintf("**Unfreezing brought no gain** on the validation images: kept is the head of epoch %d", out.BestEpoch),
		fmt.Sprintf("the head alone after %d epochs, the unfrozen phase: no gain for 2 epochs", log.Began), "unfrozen: the head at 0.001, the backbone at 1",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report lacks %q:\n%s", want, page)
		}
	}
	sameWeights(t, o.Backbone, filepath.Join(out.Folder, modelFile), 20)
	sameScores(t, s, out, featureError["f32"])
}

// What cannot be unfrozen, or would not fit, is refused with what can.
func TestUnfreezeRefuses(t *testing.T) {
	s := newScene(t)
	for _, c := range []struct {
		change func(*Options)
		want   []string
	}{
		{func(o *Options) { o.Unfreeze = 9 }, []string{"unfreeze 9 blocks", "wants 1 to 4"}},
		{func(o *Options) { o.UnfreezeFrom = "stage3" }, []string{"were both given"}},
		{func(o *Options) { o.Unfreeze, o.UnfreezeFrom = 0, "nowhere" }, []string{`"nowhere"`, "block ends are"}},
		{func(o *Options) { o.Unfreeze, o.UnfreezeFrom = 0, "stage2" }, []string{"nothing is behind it"}},
		{func(o *Options) { o.MaxMemory = 24 << 20; o.Batch = 4096 }, []string{"MiB", "--accumulate"}},
		{func(o *Options) { o.Accumulate = 1000 }, []string{"--accumulate 1000"}},
		{func(o *Options) { o.EMA = 1 }, []string{"--ema 1"}},
	} {
		o := s.unfreezing(t, "")
		c.change(&o)
		_, err := Run(t.Context(), o, Silent{})
		wantError(t, err, c.want...)
	}
}

// sameScores wants the exported file to give the run's own probabilities.
func sameScores(t *testing.T, s scene, out *Outcome, tolerance float64) {
	t.Helper()
	model, err := OpenModel(filepath.Join(out.Folder, modelFile), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	want := scoresOf(t, out.Folder, "test")
	var files []string
	for path := range want {
		files = append(files, filepath.Join(s.data, path))
	}
	for p, err := range model.Predict(t.Context(), files) {
		if err != nil || p.Error != "" {
			t.Fatal(err, p.Error)
		}
		rel, _ := strings.CutPrefix(filepath.ToSlash(p.Path), filepath.ToSlash(s.data)+"/")
		if d := p.Probability - want[rel]; !(d <= tolerance && -d <= tolerance) {
			t.Errorf("%s: probability %g, the run had %g", rel, p.Probability, want[rel])
		}
	}
}
