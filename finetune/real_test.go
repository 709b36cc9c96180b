package finetune

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// realCells copies every n-th real cell.
func realCells(t *testing.T, n int) string {
	t.Helper()
	i := 0
	return copyTree(t, testkit.Data(t, "cells"), func(class, file string) string {
		if i++; i%n != 0 {
			return ""
		}
		return class + "/" + file
	})
}

// A few hundred real cells and a real ResNet18: something is learned, the
// weights of the network stay, one and two threads give the same bytes, and
// the exported file alone gives the run's own figures.
func TestRealCells(t *testing.T) {
	s := newScene(t)
	o := s.options("one")
	o.Data.Path, o.Backbone, o.Size = realCells(t, 25), testkit.Data(t, "weights/resnet18.onnx"), 64
	o.Cut, o.LearningRate, o.Epochs = "stage2", 3e-3, 20
	out := run1(t, o)
	o.Name, o.Threads, o.CacheDir = "two", 2, filepath.Join(s.cache, "two")
	run1(t, o)
	sameFiles(t, filepath.Join(s.runs, "one"), filepath.Join(s.runs, "two"), modelFile, checkpointFile, scoresFile)
	sameFiles(t, s.cache, o.CacheDir, filepath.Base(oneFile(t, s.cache, ".features")))
	model := filepath.Join(out.Folder, modelFile)
	sameWeights(t, o.Backbone, model, 8)
	m, err := OpenModel(model, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e, err := m.Evaluate(t.Context(), DataOptions{Path: filepath.Join(out.Folder, splitFile)}, "test", Silent{})
	if err != nil {
		t.Fatal(err)
	}
	got, want := e.Metrics, out.Test.Metrics
	t.Logf("%d test cells of %d patients: AUC %.4f, accuracy %.4f; the exported model alone %.4f, %.4f",
		want.Images, want.Groups, want.AUC.Value, want.Accuracy.Value, got.AUC.Value, got.Accuracy.Value)
	if want.AUC.Value < 0.8 {
		t.Errorf("test AUC %g on real cells", want.AUC.Value)
	}
	moved := math.Ceil(featureError["f16"]*float64(want.Images)) / float64(want.Images) // cells that near the threshold
	if got.Images != want.Images || math.Abs(got.AUC.Value-want.AUC.Value) > featureError["f16"] || math.Abs(got.Accuracy.Value-want.Accuracy.Value) > moved ||
		math.Abs(got.Brier.Value-want.Brier.Value) > featureError["f16"] {
		t.Errorf("the exported model has %+v, the run %+v", got, want)
	}
}
