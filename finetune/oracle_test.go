//go:build oracle

package finetune

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/weights"
)

// oracleError is the most that a probability may differ by between us and
// onnxruntime: the promise of the export.
const oracleError = 1e-4

// compareWithRuntime wants the same probabilities of the exported model from
// our Predict and from onnxruntime on the raw images.
func compareWithRuntime(t *testing.T, model string, files []string) {
	t.Helper()
	dir := t.TempDir()
	copyTo(t, filepath.Join(dir, "model.onnx"), model)
	if err := os.WriteFile(filepath.Join(dir, "images.txt"), []byte(strings.Join(files, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	var want struct {
		Prob  [][]float64
		Batch float64
	}
	if err := json.Unmarshal(testkit.Python(t, "finetune_export.py", dir), &want); err != nil {
		t.Fatal(err)
	}
	m, err := OpenModel(model, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	worst, mean, at, i := 0.0, 0.0, "", 0
	for p, err := range m.Predict(t.Context(), files) {
		if err != nil || p.Error != "" {
			t.Fatal(err, p.Error)
		}
		got := p.Probabilities
		if got == nil {
			got = []float64{p.Probability}
		}
		if len(got) != len(want.Prob[i]) {
			t.Fatalf("%d probabilities, onnxruntime gives %d", len(got), len(want.Prob[i]))
		}
		for k, w := range want.Prob[i] {
			if d := math.Abs(got[k] - w); !(d <= worst) {
				worst, at = d, p.Path
			}
			mean += w
		}
		i++
	}
	t.Logf("%d images, mean probability %.3f: largest difference from onnxruntime %.2g (%s); in a batch of three %.2g",
		i, mean/float64(i), worst, filepath.Base(at), want.Batch)
	if i != len(files) || !(worst < oracleError) || !(want.Batch < 1e-5) {
		t.Errorf("largest difference %g at %s, in a batch %g; want less than %g", worst, at, want.Batch, oracleError)
	}
}

// The promise on real input: a head on stage 3 of the real ResNet50 at 128
// pixels, and the baseline, on 200 real cells.
func TestOracleExportReal(t *testing.T) {
	s := newScene(t)
	cells := realCells(t, 20)
	files, err := ImageFiles([]string{cells})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Options)
	}{
		{"resnet50", func(o *Options) {}},
		{"resnet50 gap", func(o *Options) { o.Head = "gap" }},
		{"resnet50 last stage flat", func(o *Options) { o.Cut, o.Head = "stage4", "flat" }},
		{"baseline", func(o *Options) { o.Model, o.Size, o.LearningRate, o.Epochs = "baseline", 64, 1e-3, 12 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := s.options(c.name)
			o.Data.Path, o.Backbone, o.Cut, o.Size, o.Threads = cells, testkit.Data(t, "weights/resnet50.onnx"), "stage3", 128, 2
			c.change(&o)
			out := run1(t, o)
			if auc := out.Val.Metrics.AUC.Value; auc < 0.65 {
				t.Errorf("validation AUC %g: this model learned nothing worth comparing", auc)
			}
			compareWithRuntime(t, filepath.Join(out.Folder, modelFile), files[100:300])
			if o.Model != "baseline" {
				sameWeights(t, o.Backbone, filepath.Join(out.Folder, modelFile), 50)
			}
		})
	}
}

// The same for every form of head, network and preprocessing, on generated
// cells.
func TestOracleExportForms(t *testing.T) {
	s := newScene(t)
	files, err := ImageFiles([]string{s.data})
	if err != nil {
		t.Fatal(err)
	}
	three := threeClasses(t, 20)
	threeFiles, err := ImageFiles([]string{three})
	if err != nil {
		t.Fatal(err)
	}
	network := func(name string, n weights.SeededOptions) func(*Options) {
		n.Size, n.Classes = 64, 10
		return func(o *Options) { o.Backbone, o.Size = seeded(t, name, n), 64 }
	}
	for _, c := range []struct {
		name   string
		change func(*Options)
	}{
		{"linear", func(o *Options) {}},
		{"gap", func(o *Options) { o.Head = "gap" }},
		{"flat", func(o *Options) { o.Head = "flat" }},
		{"hidden", func(o *Options) { o.Hidden, o.Dropout = 12, 0.3 }},
		{"enlarged", func(o *Options) { o.Size = 224 }},
		{"caffe", func(o *Options) { o.Preprocess = "caffe" }},
		{"tf", func(o *Options) { o.Preprocess = "tf" }},
		{"three classes", func(o *Options) { o.Data.Path, o.Epochs = three, 12 }},
		{"three classes baseline", func(o *Options) {
			o.Data.Path, o.Model, o.Size, o.LearningRate = three, "baseline", 24, 1e-3
		}},
		{"nhwc", network("tiny", weights.SeededOptions{NHWC: true})},
		{"nhwc caffe", func(o *Options) {
			network("resnet18", weights.SeededOptions{NHWC: true, Width: 0.25, FoldedBN: true})(o)
			o.Preprocess = "caffe"
		}},
		{"vgg opset 7", network("vgg16", weights.SeededOptions{Opset: 7, Width: 0.125})},
		{"mobilenet opset 9", network("mobilenetv2", weights.SeededOptions{Opset: 9, Width: 0.25})},
		{"densenet opset 22", network("densenet", weights.SeededOptions{Opset: 22, Width: 0.25})},
		{"squeezenet", network("squeezenet", weights.SeededOptions{Opset: 11, Width: 0.25})},
		{"alexnet batch 1", network("alexnet", weights.SeededOptions{Opset: 8, Width: 0.25, Batch: 1})},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := s.options(c.name)
			c.change(&o)
			out := run1(t, o)
			images := files
			if o.Data.Path == three {
				images = threeFiles
			}
			compareWithRuntime(t, filepath.Join(out.Folder, modelFile), images)
		})
	}
}
