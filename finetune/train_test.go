package finetune

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// Heads and baseline give the same bytes for the same seed, whatever the
// number of threads, and others for another seed.
func TestSameSeedSameBytes(t *testing.T) {
	s := newScene(t)
	for name, change := range map[string]func(*Options){
		"linear":   func(o *Options) {},
		"flat":     func(o *Options) { o.Head, o.Hidden, o.Dropout, o.Optimiser, o.L2 = "flat", 9, 0.4, "sgd", 1e-3 },
		"baseline": func(o *Options) { o.Model, o.Size, o.Epochs, o.LearningRate = "baseline", 24, 2, 1e-3 },
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				name    string
				threads int
				seed    uint64
			}{{"one", 1, 5}, {"two", 2, 5}, {"again", 2, 5}, {"other", 2, 6}} {
				o := s.options(c.name)
				change(&o)
				o.Threads, o.Seed = c.threads, c.seed
				o.Runs, o.CacheDir = filepath.Join(s.runs, name), filepath.Join(s.cache, name, c.name)
				run1(t, o)
			}
			dir := func(run string) string { return filepath.Join(s.runs, name, run) }
			sameFiles(t, dir("one"), dir("two"), modelFile, checkpointFile, scoresFile)
			sameFiles(t, dir("two"), dir("again"), modelFile, checkpointFile, scoresFile)
			sameLog(t, dir("one"), dir("two"))
			cache := filepath.Base(oneFile(t, filepath.Join(s.cache, name, "one"), ".features"))
			sameFiles(t, filepath.Join(s.cache, name, "one"), filepath.Join(s.cache, name, "two"), cache)
			if string(bytesOf(t, filepath.Join(dir("other"), modelFile))) == string(bytesOf(t, filepath.Join(dir("one"), modelFile))) {
				t.Error("another seed gives the same model")
			}
		})
	}
}

// Training leaves the frozen weights as they were: in the file, in memory, and
// in the exported model, which holds all of them up to the cut.
func TestFrozenWeights(t *testing.T) {
	s := newScene(t)
	file := bytesOf(t, s.backbone)
	src, _, err := openSource(resolved(t, s.options("")), Silent{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	backbone := src.(frozen)
	before := backbone.WeightsDigest()
	o := s.options("a")
	d := openedData(t, o)
	f, err := createFolder(o.Runs, o.Name, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	card := backbone.Card()
	r := &run{o: resolved(t, o), data: d, src: src, card: &card, folder: f, p: Silent{}}
	if _, err := r.do(t.Context(), (*run).steps); err != nil {
		t.Fatal(err)
	}
	if after := backbone.WeightsDigest(); after != before {
		t.Errorf("weights in memory: digest %s before, %s after", before, after)
	}
	if string(bytesOf(t, s.backbone)) != string(file) {
		t.Error("the backbone's file was changed")
	}
	sameWeights(t, s.backbone, f.file(modelFile), 30)
}

// sameWeights wants at least so many float tensors of the backbone's file in
// the exported file, each with the same bytes.
func sameWeights(t testing.TB, backbone, exported string, least int) {
	t.Helper()
	a, b := readModel(t, backbone), readModel(t, exported)
	found := 0
	for name, w := range b.Weights {
		if strings.HasPrefix(name, "tl/") || strings.HasPrefix(name, "head/") || w.Type != onnx.Float {
			continue
		}
		orig := a.Weights[name]
		if orig == nil {
			t.Errorf("weight %s of the exported file is not in the backbone's", name)
			continue
		}
		if string(orig.Raw) != string(w.Raw) {
			t.Errorf("weight %s differs", name)
		}
		found++
	}
	if found < least {
		t.Errorf("%d weights of the backbone in the exported file, want at least %d", found, least)
	}
}

func readModel(t testing.TB, path string) *onnx.Model {
	t.Helper()
	m, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// The learning rate warms up in a line, then stays or falls as half a cosine.
func TestSchedule(t *testing.T) {
	cosine := schedule{rate: 0.1, warmup: 4, total: 104, cosine: true}
	for _, c := range []struct {
		s    schedule
		step int
		want float64
	}{
		{cosine, 0, 0.1 * 1 / 5}, {cosine, 3, 0.1 * 4 / 5}, {cosine, 4, 0.1}, // (step+1)/(warmup+1)
		{cosine, 29, 0.1 * (1 + math.Sqrt2/2) / 2}, {cosine, 54, 0.05}, {cosine, 104, 0}, {cosine, 1000, 0},
		{schedule{rate: 0.1, total: 10}, 9, 0.1},
		{schedule{rate: 0.1, warmup: 1, total: 10}, 0, 0.05},
		{schedule{rate: 0.1, cosine: true}, 0, 0.1},
	} {
		if got := c.s.at(c.step); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v at step %d: %g, want %g", c.s, c.step, got, c.want)
		}
	}
	s := newScene(t)
	o := s.options("a")
	o.Warmup, o.LearningRate = 2, 0.02
	run1(t, o)
	log, err := (&Folder{Path: filepath.Join(s.runs, "a")}).readLog()
	if err != nil {
		t.Fatal(err)
	}
	steps := (len(openedData(t, o).set.Indices(1)) + 15) / 16 // of an epoch
	for i, e := range log {
		want := schedule{rate: 0.02, warmup: 2 * steps, total: 6 * steps, cosine: true}.at(i * steps)
		if math.Abs(e.LearningRate-want) > 1e-12 {
			t.Errorf("epoch %d began with rate %g, want %g", e.Epoch, e.LearningRate, want)
		}
	}
}

// history reads what the checkpoint of a run keeps.
func history(t *testing.T, folder string) state {
	t.Helper()
	c, err := weights.LoadCheckpoint(filepath.Join(folder, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	var s state
	if err := json.Unmarshal(c.Meta, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Training stops when the monitor did not gain for Patience epochs, and the
// exported model is that of the best epoch: its validation loss is the
// history's smallest.
func TestEarlyStopping(t *testing.T) {
	s := newScene(t)
	o := s.options("a")
	o.Epochs, o.Patience, o.LearningRate, o.Hidden, o.Schedule, o.Cache = 200, 4, 0.1, 16, "constant", "f32"
	out := run1(t, o)
	h := history(t, out.Folder)
	if h.Epoch != h.Best+4 || h.Epoch >= 200 || out.Epochs != h.Epoch || out.BestEpoch != h.Best {
		t.Errorf("stopped after epoch %d, best %d; told %d, %d", h.Epoch, h.Best, out.Epochs, out.BestEpoch)
	}
	best, last := math.Inf(1), 0.0
	for _, e := range h.History {
		if e.Best != (e.ValLoss < best) {
			t.Errorf("epoch %d with loss %g is marked %v, the best before was %g", e.Epoch, e.ValLoss, e.Best, best)
		}
		best, last = min(best, e.ValLoss), e.ValLoss
	}
	if got := h.History[h.Best-1].ValLoss; got != best {
		t.Errorf("loss at the best epoch %g, smallest %g", got, best)
	}
	got := valLoss(t, out.Folder, o)
	if math.Abs(got-best) > 1e-5*best { // float32 sums in another order
		t.Errorf("the exported model's validation loss is %.8g, the best epoch's %.8g, the last's %.8g", got, best, last)
	}
	if math.Abs(last-best) < 1e-3 {
		t.Errorf("last loss %g and best %g are too near to tell them apart", last, best)
	}
}

// valLoss is the loss of a run's exported model on its validation images,
// computed from the pictures.
func valLoss(t *testing.T, folder string, o Options) float64 {
	t.Helper()
	m, err := OpenModel(filepath.Join(folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	d := openedData(t, o)
	s, err := m.score(t.Context(), d, d.set.Indices(2), Silent{})
	if err != nil {
		t.Fatal(err)
	}
	return s.loss()
}

// Each monitor keeps the epoch that is best by it, the first of equals.
func TestMonitor(t *testing.T) {
	epochs := []Epoch{
		{Epoch: 1, ValLoss: 0.5, ValAUC: 0.8, ValAccuracy: 0.7},
		{Epoch: 2, ValLoss: 0.6, ValAUC: 0.9, ValAccuracy: 0.7},
		{Epoch: 3, ValLoss: 0.4, ValAUC: 0.9, ValAccuracy: 0.6},
		{Epoch: 4, ValLoss: 0.7, ValAUC: 0.85, ValAccuracy: 0.9},
	}
	s := newScene(t)
	for monitor, want := range map[string]int{"loss": 3, "auc": 2, "accuracy": 4} {
		o := s.options(monitor)
		o.Monitor = monitor
		tr := openedTrainer(t, o)
		for i := range epochs {
			e := epochs[i]
			for _, p := range tr.now().head.Params() {
				p.Data[0] = float32(e.Epoch)
			}
			tr.record(&e)
		}
		tr.useBest()
		if got := tr.now().head.Params()[0].Data[0]; tr.state.Best != want || got != float32(want) {
			t.Errorf("%s: best epoch %d, weights of epoch %g, want %d", monitor, tr.state.Best, got, want)
		}
		run1(t, o)
	}
}

// openedTrainer is the trainer of a run with o before its first epoch.
func openedTrainer(t testing.TB, o Options) *trainer {
	t.Helper()
	r := &run{o: resolved(t, o), data: openedData(t, o), src: openedSource(t, o), p: Silent{}}
	x, err := extract(t.Context(), r.data, r.src, r.o, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := r.trainer(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.close(); x.close() })
	if err := tr.enter(Silent{}); err != nil {
		t.Fatal(err)
	}
	return tr
}

// Class weights are scikit-learn's "balanced" and reach the loss: a skewed set
// is called positive more often with them.
func TestClassWeights(t *testing.T) {
	s := newScene(t)
	kept := 0
	o := s.options("plain")
	o.Data.Path = copyTree(t, s.data, func(class, file string) string {
		if class == "Parasitized" {
			if kept++; kept > 20 {
				return ""
			}
		}
		return class + "/" + file
	})
	o.Data.Split, o.Data.NoGroups, o.Schedule = "random", true, "constant"
	mean := func(tr *trainer) (sum float64) {
		for range 30 {
			if _, err := tr.epoch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s, err := score(t.Context(), tr.data, tr.now().x, tr.now().head, tr.train)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.prob {
			sum += p[1] / float64(len(s.prob))
		}
		return sum
	}
	plain := openedTrainer(t, o)
	o.ClassWeight = "auto"
	auto := openedTrainer(t, o)
	counts := [2]float64{}
	for _, i := range auto.train {
		counts[auto.data.label(i)]++
	}
	n := counts[0] + counts[1]
	if w := auto.classWeights(); len(w) != 2 || w[0] != n/(2*counts[0]) || w[1] != n/(2*counts[1]) || plain.classWeights() != nil {
		t.Errorf("class weights %v of %v images", w, counts)
	}
	if a, b := mean(plain), mean(auto); math.Abs(a-counts[1]/n) > 0.1 || b < a+0.05 {
		t.Errorf("mean probability %g without and %g with class weights, share of positives %g", a, b, counts[1]/n)
	}
}

// A run folder belongs to one process, and a name to one run.
func TestRunFolderIsOwned(t *testing.T) {
	s := newScene(t)
	out := run1(t, s.options("a"))
	_, err := Run(t.Context(), s.options("a"), Silent{})
	wantError(t, err, out.Folder, "holds a run already", "--resume "+out.Folder)
	f, err := lockFolder(out.Folder)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Resume(t.Context(), out.Folder, Place{CacheDir: s.cache, Threads: 1}, Silent{})
	wantError(t, err, out.Folder, "another process")
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(t.Context(), out.Folder, Place{CacheDir: s.cache, Threads: 1}, Silent{}); err != nil {
		t.Error(err)
	}
	_, err = Resume(t.Context(), s.data, Place{CacheDir: s.cache, Threads: 1}, Silent{})
	wantError(t, err, s.data, "no run folder")
	free := run1(t, s.options(""))
	if again := run1(t, s.options("")); free.Folder == again.Folder {
		t.Errorf("two runs in %s", free.Folder)
	}
}

// A run does not go on with other images, another split or other weights.
func TestResumeRefusesChanges(t *testing.T) {
	s := newScene(t)
	o := s.options("a")
	o.Data.Path = copyTree(t, s.data, func(class, file string) string { return class + "/" + file })
	o.Backbone = filepath.Join(t.TempDir(), "net.onnx")
	copyTo(t, o.Backbone, s.backbone)
	out := run1(t, o)
	resume := func() error {
		_, err := Resume(t.Context(), out.Folder, Place{CacheDir: s.cache, Threads: 1}, Silent{})
		return err
	}
	if err := resume(); err != nil {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(o.Data.Path, "*", "*.png"))
	kept := bytesOf(t, found[3])
	copyTo(t, found[3], found[4])
	wantError(t, resume(), out.Folder, "changed since this run began")
	if err := os.Remove(found[3]); err != nil {
		t.Fatal(err)
	}
	wantError(t, resume(), out.Folder, "changed since this run began")
	if err := os.WriteFile(found[3], kept, 0o644); err != nil {
		t.Fatal(err)
	}
	copyTo(t, o.Backbone, seeded(t, "tiny", weights.SeededOptions{Size: 32, Classes: 10, Seed: 4}))
	wantError(t, resume(), out.Folder, checkpointFile, "belongs to features of other weights, another version of tl or another kind of processor")
	copyTo(t, o.Backbone, s.backbone)
	damage(t, filepath.Join(out.Folder, checkpointFile), -1)
	wantError(t, resume(), checkpointFile, "(delete it to train again from the cached features)")
	if err := os.Remove(filepath.Join(out.Folder, checkpointFile)); err != nil {
		t.Fatal(err)
	}
	if err := resume(); err != nil {
		t.Error(err)
	}
}

func copyTo(t *testing.T, to, from string) {
	t.Helper()
	if err := os.WriteFile(to, bytesOf(t, from), 0o644); err != nil {
		t.Fatal(err)
	}
}
