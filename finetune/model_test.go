package finetune

import (
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// featureError bounds what the exported file's probabilities may differ by from
// the run's own, which come from cached features: f32 differs in the order of
// sums only, f16 keeps 11 bits of each feature.
var featureError = map[string]float64{"f32": 1e-5, "f16": 2e-3}

// scoresOf reads a run's predictions.csv: probability of the last class by path.
func scoresOf(t *testing.T, folder, split string) map[string]float64 {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(string(bytesOf(t, filepath.Join(folder, scoresFile))))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, r := range rows[1:] {
		if r[0] == split {
			if out[r[1]], err = strconv.ParseFloat(r[len(r)-1], 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// The exported file alone gives the run's own probabilities and test figures,
// for every kind of head, network and preprocessing.
func TestExportedModelIsTheRun(t *testing.T) {
	s := newScene(t)
	for name, change := range map[string]func(*Options){
		"f32":         func(o *Options) { o.Cache = "f32" },
		"f16":         func(o *Options) { o.Cache = "f16" },
		"avgmax":      func(o *Options) { o.Head = "avgmax" },
		"flat":        func(o *Options) { o.Head, o.L2 = "flat", 1e-2 },
		"hidden":      func(o *Options) { o.Hidden, o.Dropout = 12, 0.2 },
		"flat hidden": func(o *Options) { o.Head, o.Hidden = "flat", 12 },
		"plain":       func(o *Options) { o.Standardise, o.LearningRate = "off", 1e-3 },
		"cut":         func(o *Options) { o.Cut = "stage1" },
		"caffe":       func(o *Options) { o.Preprocess = "caffe" },
		"tf":          func(o *Options) { o.Preprocess = "tf" },
		"none":        func(o *Options) { o.Preprocess = "none" },
		"baseline":    func(o *Options) { o.Model, o.Size, o.Epochs, o.LearningRate = "baseline", 24, 2, 1e-3 },
		"nhwc": func(o *Options) {
			o.Backbone = seeded(t, "tiny", weights.SeededOptions{Size: 32, Classes: 10, NHWC: true})
		},
		"vgg": func(o *Options) {
			o.Backbone = seeded(t, "vgg16", weights.SeededOptions{Size: 32, Classes: 10, Width: 0.125, Opset: 7})
		},
		"batch of 1": func(o *Options) {
			o.Backbone = seeded(t, "tiny", weights.SeededOptions{Size: 32, Classes: 10, Batch: 1, Opset: 9})
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.options(name)
			o.Cache = "f32"
			change(&o)
			out := run1(t, o)
			tolerance := featureError[o.Cache]
			worst, checked := 0.0, 0
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
				rel, _ := filepath.Rel(s.data, p.Path)
				worst = max(worst, math.Abs(p.Probability-want[filepath.ToSlash(rel)]))
				checked++
			}
			t.Logf("%d images, largest difference of a probability %.2g", checked, worst)
			if checked < 10 || !(worst <= tolerance) {
				t.Errorf("%d images, largest difference %g, want at most %g", checked, worst, tolerance)
			}
			e, err := model.Evaluate(t.Context(), DataOptions{Path: filepath.Join(out.Folder, splitFile)}, "test", Silent{})
			if err != nil {
				t.Fatalf("by the run's split.csv: %v", err)
			}
			if math.Abs(e.Metrics.AUC.Value-out.Test.Metrics.AUC.Value) > 0.02 {
				t.Errorf("AUC of the exported model %g, of the run %g", e.Metrics.AUC.Value, out.Test.Metrics.AUC.Value)
			}
		})
	}
}

// threeClasses makes a folder of three classes that differ in colour, of sizes
// that differ too.
func threeClasses(t testing.TB, count int) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(3, 3))
	for class, base := range map[string]color.RGBA{"amber": {230, 160, 40, 255}, "blue": {50, 80, 220, 255}, "cyan": {40, 210, 200, 255}} {
		if err := os.MkdirAll(filepath.Join(dir, class), 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range count {
			im := image.NewRGBA(image.Rect(0, 0, 20+r.IntN(60), 20+r.IntN(60)))
			for y := range im.Rect.Dy() {
				for x := range im.Rect.Dx() {
					n := uint8(r.IntN(25))
					im.SetRGBA(x, y, color.RGBA{base.R - n, base.G - n, base.B + n, 255})
				}
			}
			f, err := os.Create(filepath.Join(dir, class, fmt.Sprintf("%s%03d.png", class, i)))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, im); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	return dir
}

// Three classes: softmax, a table of many classes, and an exported model whose
// probabilities sum to one.
func TestThreeClasses(t *testing.T) {
	s := newScene(t)
	o := s.options("three")
	o.Data.Path, o.Cache, o.Epochs, o.ClassWeight, o.Monitor = threeClasses(t, 30), "f32", 12, "auto", "accuracy"
	out := run1(t, o)
	if out.Test.Multi == nil || out.Test.Metrics != nil || out.Positive != "" || !slices.Equal(out.Classes, []string{"amber", "blue", "cyan"}) {
		t.Fatalf("outcome of three classes: %+v", out)
	}
	if a := out.test.accuracy(); a < 0.9 {
		t.Errorf("accuracy %g on classes that differ in colour", a)
	}
	m, err := OpenModel(filepath.Join(out.Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	want := scoresOf(t, out.Folder, "test")
	var files []string
	for path := range want {
		files = append(files, filepath.Join(o.Data.Path, path))
	}
	for p, err := range m.Predict(t.Context(), files) {
		if err != nil || p.Error != "" {
			t.Fatal(err, p.Error)
		}
		rel, _ := filepath.Rel(o.Data.Path, p.Path)
		sum := 0.0
		for _, v := range p.Probabilities {
			sum += v
		}
		if len(p.Probabilities) != 3 || math.Abs(sum-1) > 1e-6 || math.Abs(p.Probabilities[2]-want[filepath.ToSlash(rel)]) > featureError["f32"] {
			t.Errorf("%s: probabilities %v, the run said %g for the last", rel, p.Probabilities, want[filepath.ToSlash(rel)])
		}
	}
	e, err := m.Evaluate(t.Context(), DataOptions{Path: o.Data.Path}, "", Silent{})
	if err != nil || e.Multi == nil || e.Multi.Images != 90 {
		t.Fatalf("evaluation %+v, %v", e, err)
	}
	_, err = m.Evaluate(t.Context(), DataOptions{Path: s.data}, "", Silent{})
	wantError(t, err, s.data, "Parasitized", "amber")
}

// Predictions of files that are no images say so and leave the others alone;
// folders are walked in order.
func TestPredictBadFiles(t *testing.T) {
	s := newScene(t)
	out := run1(t, s.options("a"))
	m, err := OpenModel(filepath.Join(out.Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	files, err := ImageFiles([]string{s.data})
	if err != nil || len(files) != 120 || !slices.IsSorted(files) {
		t.Fatalf("%d files of the folder, %v", len(files), err)
	}
	bad := filepath.Join(t.TempDir(), "bad.png")
	if err := os.WriteFile(bad, []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	files = append(files[:20:20], bad, filepath.Join(s.data, "missing.png"), files[20])
	var got []Prediction
	for p, err := range m.Predict(t.Context(), files) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	for i, p := range got {
		isBad := i == 20 || i == 21
		if p.Path != files[i] || (p.Error != "") != isBad || (p.Label == "") != isBad || (p.Group == "") != isBad && i != 20 && i != 21 {
			t.Errorf("prediction %d: %+v for %s", i, p, files[i])
		}
		if !isBad && (p.Label == "Parasitized") != (p.Probability >= m.Threshold) {
			t.Errorf("%s: label %s at probability %g, threshold %g", p.Path, p.Label, p.Probability, m.Threshold)
		}
	}
	if len(got) != len(files) {
		t.Errorf("%d predictions of %d files", len(got), len(files))
	}
	rows, images := RollUp(m, got), 0
	for _, r := range rows {
		images += r.Images
	}
	if images != 21 || !slices.IsSortedFunc(rows, func(a, b PatientRow) int { return strings.Compare(a.Group, b.Group) }) {
		t.Errorf("roll-up %+v of 21 answers", rows)
	}
	if _, err := ImageFiles([]string{t.TempDir()}); err == nil {
		t.Error("an empty folder gave files")
	}
}

// What an exported file says about itself survives; other files are refused.
func TestModelFacts(t *testing.T) {
	s := newScene(t)
	o := s.options("a")
	o.Threshold = "0.625"
	out := run1(t, o)
	path := filepath.Join(out.Folder, modelFile)
	m, err := OpenModel(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Threshold != 0.625 || m.Positive != "Parasitized" || m.Size != 32 || !slices.Equal(m.Classes, []string{"Uninfected", "Parasitized"}) {
		t.Errorf("model %+v", m)
	}
	file := readModel(t, path)
	for key, want := range map[string]string{
		metaVersion: Version, metaData: openedData(t, o).set.Digest(), metaNotice: notice, metaCard: `"torch"`, metaRule: "0.625",
	} {
		if !strings.Contains(file.Metadata[key], want) {
			t.Errorf("metadata %s is %q, want %q", key, file.Metadata[key], want)
		}
	}
	if strings.Contains(fmt.Sprint(file.Metadata), s.backbone) {
		t.Error("the metadata hold a path of this machine")
	}
	_, err = OpenModel(s.backbone, 1)
	wantError(t, err, s.backbone, "not exported by tl")
}

// Export gives the finished model, and of a stopped run the best epoch so far.
func TestExport(t *testing.T) {
	s := newScene(t)
	whole := run1(t, s.options("whole"))
	out := filepath.Join(t.TempDir(), "copy.onnx")
	folder, err := Export(t.Context(), s.runs, "", out, s.cache, "", Silent{})
	if err != nil || folder != whole.Folder {
		t.Fatalf("exported %q, %v", folder, err)
	}
	if string(bytesOf(t, out)) != string(bytesOf(t, filepath.Join(whole.Folder, modelFile))) {
		t.Error("the copy differs")
	}
	if _, err := Export(t.Context(), s.runs, folder, filepath.Join(folder, modelFile), s.cache, "", Silent{}); err != nil {
		t.Errorf("a model onto itself: %v", err)
	}
	if err := os.Remove(filepath.Join(folder, modelFile)); err != nil { // as if stopped just before
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "again.onnx")
	if _, err := Export(t.Context(), s.runs, folder, again, s.cache, "", Silent{}); err != nil {
		t.Fatal(err)
	}
	if string(bytesOf(t, out)) != string(bytesOf(t, again)) {
		t.Error("the best epoch of a stopped run gives another file than the finished run")
	}
	_, err = Export(t.Context(), t.TempDir(), "", again, s.cache, "", Silent{})
	wantError(t, err, "holds no run")
}

// A file that says of itself what cannot be is an error, never a panic.
func TestModelThatLies(t *testing.T) {
	s := newScene(t)
	path := filepath.Join(run1(t, s.options("a")).Folder, modelFile)
	for _, c := range []struct{ key, value, want string }{
		{metaClasses, `["a","b","c"]`, metaPositive},
		{metaClasses, `["Parasitized"]`, metaClasses},
		{metaPositive, "Uninfected", metaPositive},
		{metaPositive, "", metaPositive},
		{metaSize, "2049", metaSize},
		{metaSize, "0", metaSize},
		{metaThreshold, "NaN", metaThreshold},
		{metaCard, "{", metaCard},
		{metaSeen, "!", metaSeen},
		{metaSeen, "AAAA", metaSeen},
	} {
		m := *readModel(t, path)
		m.Metadata = maps.Clone(m.Metadata)
		m.Metadata[c.key] = c.value
		lying := filepath.Join(t.TempDir(), "lying.onnx")
		if err := onnx.WriteFile(lying, &m); err != nil {
			t.Fatal(err)
		}
		_, err := OpenModel(lying, 1)
		wantError(t, err, lying, c.want)
		t.Log(err)
	}
	m := *readModel(t, path)
	m.Metadata = maps.Clone(m.Metadata)
	m.Metadata[metaClasses], m.Metadata[metaPositive] = `["a","b","c"]`, ""
	lying := filepath.Join(t.TempDir(), "lying.onnx")
	if err := onnx.WriteFile(lying, &m); err != nil {
		t.Fatal(err)
	}
	_, err := OpenModel(lying, 1)
	wantError(t, err, lying, probability, "(1,1)", "(1,3)")
}

// A model knows the images that it was trained on, under any name.
func TestSeenImages(t *testing.T) {
	s := newScene(t)
	o := s.options("a")
	out := run1(t, o)
	m, err := OpenModel(filepath.Join(out.Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	renamed := copyTree(t, s.data, func(class, file string) string { return class + "/x" + file })
	train := len(openedData(t, o).set.Indices(dataset.Train))
	for only, want := range map[string]string{"": fmt.Sprintf("%d of the 120 images were used to train", train), "test": ""} {
		at := DataOptions{Path: renamed}
		if only != "" {
			at.Path = filepath.Join(out.Folder, splitFile)
		}
		w := &warned{}
		if _, err := m.Evaluate(t.Context(), at, only, w); err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(w.warnings, func(s string) bool { return strings.Contains(s, "used to train") })
		if said != (want != "") || said && !strings.Contains(strings.Join(w.warnings, "\n"), want) {
			t.Errorf("only %q: warnings %q, want %q", only, w.warnings, want)
		}
	}
}

// One image alone is answered like among many, without the work of many.
func TestPredictOne(t *testing.T) {
	s := newScene(t)
	m, err := OpenModel(filepath.Join(run1(t, s.options("a")).Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	files, err := ImageFiles([]string{s.data})
	if err != nil {
		t.Fatal(err)
	}
	probabilities := func(files []string, batch int) (out []float64) {
		for p, err := range m.Predict(t.Context(), files) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, p.Probability)
		}
		if m.in.Shape[0] != batch || len(out) != len(files) {
			t.Errorf("%d files: %d answers in batches of %d, want %d", len(files), len(out), m.in.Shape[0], batch)
		}
		return out
	}
	many := probabilities(files[:20], predictBatch)
	for i, one := range []float64{probabilities(files[:1], 1)[0], probabilities(files[1:2], 1)[0], probabilities(files[2:5], 3)[0]} {
		if math.Abs(one-many[i]) > 1e-6 {
			t.Errorf("image %d: probability %g alone, %g among many", i, one, many[i])
		}
	}
}

// A model has the same intervals in its run and evaluated alone, whatever the
// seed of its training.
func TestOneBootstrap(t *testing.T) {
	s := newScene(t)
	o := s.options("a")
	o.Cache, o.Seed = "f32", 9
	out := run1(t, o)
	m, err := OpenModel(filepath.Join(out.Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e, err := m.Evaluate(t.Context(), DataOptions{Path: filepath.Join(out.Folder, splitFile)}, "test", Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := out.Test.Metrics.AUC, e.Metrics.AUC; a != b {
		t.Errorf("AUC %+v in the run, %+v alone", a, b)
	}
}
