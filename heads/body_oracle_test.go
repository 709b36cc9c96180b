//go:build oracle

package heads

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// An unfrozen part trains as in torch: the first gradients of every parameter
// and ten successive losses on equal weights and batches.
func TestOracleBody(t *testing.T) {
	for _, c := range []struct {
		name  string
		body  *Body
		o     TrainOptions
		rate  float64
		batch int
	}{
		{"last stage of the real ResNet50", resnetStage(t, 4, "mean+max"), TrainOptions{BodyRate: 0.1, Clip: 1}, 1e-3, 8},
		{"two blocks of a small residual network", smallBody(t, "resnet18", "block", false), TrainOptions{BodyRate: 0.5, Clip: 1}, 1e-3, 8},
		{"the same with batch norms that learn", smallBody(t, "resnet18", "block", true), TrainOptions{BodyRate: 0.5, Clip: 1}, 1e-3, 8},
		{"the last stage of a VGG", smallBody(t, "vgg16", "stage", false), TrainOptions{BodyRate: 0.5, Clip: 1}, 1e-3, 4},
	} {
		h, err := build(t, Spec{Input: c.body.OutputShape(), Seed: 4}).On(c.body)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.Close)
		c.o.Batch = c.batch
		tr := trainer(t, h, c.o)
		x, labels := items(h, 10*c.batch, 7)
		for i, v := range x { // features come out of a ReLU
			x[i] = max(0, v)
		}
		dir := t.TempDir()
		writeBodyCase(t, dir, h, c.o, c.rate, x, labels)
		var want []float64
		if err := json.Unmarshal(testkit.Python(t, "heads_body.py", dir), &want); err != nil {
			t.Fatal(err)
		}
		_, grads, err := tr.Gradients(x[:c.batch*h.InputSize()], labels, c.batch)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for j, p := range h.Params() {
			d := relativeL2(grads[j], testkit.ReadNPY(t, file(dir, p.Name, ".grad")).Data)
			worst = max(worst, d)
			if d > 1e-4 {
				t.Errorf("%s: gradient of %s: relative L2 %.2g, at most 1e-4", c.name, p.Name, d)
			}
		}
		got := steps(t, tr, x, labels, c.rate)
		off := 0.0
		for i := range want {
			off = max(off, math.Abs(got[i]-want[i])/math.Abs(want[i]))
		}
		if len(got) != 10 || len(want) != 10 || off > 1e-4 {
			t.Errorf("%s: losses %v, torch %v", c.name, got, want)
		}
		t.Logf("%s: gradients differ by %.1e at most, ten losses by %.1e (%.4f → %.4f)", c.name, worst, off, got[0], got[9])
	}
}

func relativeL2(a, b []float32) float64 {
	var d, n float64
	for i := range b {
		d += float64(a[i]-b[i]) * float64(a[i]-b[i])
		n += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(d / n)
}

// writeBodyCase writes what heads_body.py reads.
func writeBodyCase(t *testing.T, dir string, h *Head, o TrainOptions, rate float64, x []float32, labels []int) {
	t.Helper()
	s := h.body.spec
	var names []string
	for _, p := range h.Params() {
		names = append(names, p.Name)
		testkit.WriteNPY(t, file(dir, p.Name, ""), tensor.Of(p.Data, p.Shape...))
	}
	b, err := json.Marshal(map[string]any{"file": s.Model.Path, "from": s.From, "to": s.To, "pool": s.Pool, "params": names,
		"batch": o.Batch, "rate": rate, "body_rate": o.BodyRate, "clip": o.Clip})
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
	testkit.WriteNPY(t, filepath.Join(dir, "x.npy"), tensor.Of(x, append([]int{len(labels)}, s.Shape...)...))
	testkit.WriteNPY(t, filepath.Join(dir, "labels.npy"), y)
}
