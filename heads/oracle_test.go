//go:build oracle

package heads

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// file is where a parameter lies for heads_train.py.
func file(dir, param, suffix string) string {
	return filepath.Join(dir, strings.ReplaceAll(param, "/", ".")+suffix+".npy")
}

// writeCase writes what heads_train.py reads.
func writeCase(t *testing.T, dir string, c trainCase, h *Head, x []float32, labels []int) {
	t.Helper()
	s, o := h.spec, c.o
	if o.Optimiser == "" {
		o.Optimiser = "adam"
	}
	mean, std := normaliser(h)
	spec := map[string]any{
		"model": s.Model, "head": s.Head, "hidden": s.Hidden, "classes": s.Classes, "batch": o.Batch,
		"optimiser": o.Optimiser, "momentum": o.Momentum, "decay": o.L2 + o.WeightDecay, "rate": c.rate,
		"class_weights": o.ClassWeights, "mean": mean, "std": std, "clip": o.Clip, "ema": o.EMA,
	}
	var groups []float64
	var names []string
	for _, p := range h.Params() {
		names, groups = append(names, p.Name), append(groups, c.groupRate(p))
		testkit.WriteNPY(t, file(dir, p.Name, ""), tensor.Of(p.Data, p.Shape...))
	}
	spec["params"], spec["rates"] = names, groups
	b, err := json.Marshal(spec)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "spec.json"), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	y := tensor.New(len(labels))
	for i, l := range labels {
		y.Data[i] = float32(l)
	}
	testkit.WriteNPY(t, filepath.Join(dir, "x.npy"), shaped(h, x))
	testkit.WriteNPY(t, filepath.Join(dir, "labels.npy"), y)
}

// groupRate is the learning rate of a parameter.
func (c trainCase) groupRate(p Param) float64 {
	if p.Group == 1 {
		return c.rate * c.o.BodyRate
	}
	return c.rate
}

// TestTrainingEqualsTorch also writes testdata/losses.json when TL_UPDATE=1.
func TestOracleTraining(t *testing.T) {
	small := map[string][]float64{}
	large := []trainCase{
		{name: "baseline at 64", spec: Spec{Model: "baseline", Input: []int{3, 64, 64}, Dropout: -1, Seed: 8}, o: TrainOptions{Batch: 32}, rate: 1e-3},
		{name: "head of 25088", spec: Spec{Input: []int{512, 7, 7}, Seed: 9}, o: TrainOptions{Batch: 64}, rate: 1e-4},
	}
	for i, c := range append(append([]trainCase(nil), trainCases...), large...) {
		dir := t.TempDir()
		h, tr, x, labels := c.start(t)
		writeCase(t, dir, c, h, x, labels)
		var want []float64
		if err := json.Unmarshal(testkit.Python(t, "heads_train.py", dir), &want); err != nil {
			t.Fatal(err)
		}
		n := c.o.Batch
		_, grads, err := tr.Gradients(x[:n*h.InputSize()], labels, n)
		if err != nil {
			t.Fatal(err)
		}
		compareLosses(t, c.name, steps(t, tr, x, labels, c.rate), want)
		for j, p := range h.Params() {
			testkit.Compare(t, c.name+": first gradient of "+p.Name, grads[j], testkit.ReadNPY(t, file(dir, p.Name, ".grad")).Data, testkit.Loose)  // a sum that cancels has fewer digits
			testkit.Compare(t, c.name+": trained "+p.Name, p.Data, testkit.ReadNPY(t, file(dir, p.Name, ".trained")).Data, testkit.Tolerance(1e-3)) // Adam turns rounding of near-zero gradients into whole steps
		}
		if err := tr.Averaged(func() error { // the parameters again where no average is kept
			for _, p := range h.Params() {
				testkit.Compare(t, c.name+": averaged "+p.Name, p.Data, testkit.ReadNPY(t, file(dir, p.Name, ".averaged")).Data, testkit.Tolerance(1e-3))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if i < len(trainCases) {
			small[c.name] = want
		}
	}
	if os.Getenv("TL_UPDATE") == "1" {
		b, _ := json.MarshalIndent(small, "", " ")
		if err := os.WriteFile("testdata/losses.json", append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOracleNodes(t *testing.T) {
	for _, c := range append(trainCases, trainCase{spec: Spec{Model: "baseline", Input: []int{3, 100, 100}}, o: TrainOptions{Batch: 1}, rate: 1e-3},
		trainCase{spec: Spec{Input: []int{7, 5, 5}, Head: "gap", Standardise: true, Hidden: 4, Dropout: 0.3}, o: TrainOptions{Batch: 4}, rate: 0.1, norm: true}) {
		h, tr, x, labels := c.start(t)
		steps(t, tr, x, labels, c.rate)
		for opset := int64(13); opset <= 18; opset += 5 {
			dir := t.TempDir()
			m := exportModel(h)
			m.Opset = opset
			if err := onnx.WriteFile(filepath.Join(dir, "model.onnx"), m); err != nil {
				t.Fatal(err)
			}
			testkit.WriteNPY(t, filepath.Join(dir, "x.npy"), shaped(h, x))
			testkit.Python(t, "heads_onnx.py", dir)
			testkit.Compare(t, fmt.Sprint(c.name, " opset ", opset), testkit.ReadNPY(t, filepath.Join(dir, "logits.npy")).Data, logits(t, h, x), testkit.Float)
		}
	}
}
