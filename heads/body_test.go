package heads

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/onnx"
)

// resnetStage is the last stage of the real ResNet50 for features of size×size.
func resnetStage(t testing.TB, size int, pool string) *Body {
	t.Helper()
	dir := os.Getenv("TL_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	m, err := onnx.Read(filepath.Join(dir, "weights", "resnet50.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	b, err := NewBody(BodySpec{Model: m, From: "/layer3/layer3.5/relu_2/Relu_output_0", Shape: []int{1024, size, size},
		To: "/layer4/layer4.2/relu_2/Relu_output_0", Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSmoke(t *testing.T) {
	b := resnetStage(t, 10, "mean+max")
	h := build(t, Spec{Input: b.OutputShape()})
	full, err := h.On(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(b.Params(), b.Notes())
	tr := trainer(t, full, TrainOptions{Batch: 32})
	x, labels := items(full, 32, 1)
	for range 5 {
		t.Log(tr.Step(x, labels, 32, 1e-4))
	}
	_ = context.Background()
}

func BenchmarkBodyStep(b *testing.B) {
	body := resnetStage(b, 10, "mean+max")
	h := build(b, Spec{Input: body.OutputShape()})
	full, err := h.On(body)
	if err != nil {
		b.Fatal(err)
	}
	tr := trainer(b, full, TrainOptions{Batch: 32})
	x, labels := items(full, 32, 1)
	for b.Loop() {
		if _, err := tr.Step(x, labels, 32, 1e-4); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(32*b.N)/b.Elapsed().Seconds(), "images/s")
}
