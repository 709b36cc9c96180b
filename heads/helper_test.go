package heads

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
)

// build is New for tests.
func build(t testing.TB, s Spec) *Head {
	t.Helper()
	h, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// trainer is Head.Trainer for tests.
func trainer(t testing.TB, h *Head, o TrainOptions) *Trainer {
	t.Helper()
	tr, err := h.Trainer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// items returns n items with classes that a network can learn: each class
// shifts some of the numbers.
func items(h *Head, n int, seed uint64) (x []float32, labels []int) {
	r := rand.New(rand.NewPCG(seed, 3))
	size := h.InputSize()
	x, labels = make([]float32, n*size), make([]int, n)
	for i := range labels {
		labels[i] = r.IntN(h.spec.Classes)
		for j := range size {
			x[i*size+j] = float32(r.NormFloat64())
			if j%h.spec.Classes == labels[i] {
				x[i*size+j] += 0.5
			}
		}
	}
	return x, labels
}

// logits is Head.Logits for tests.
func logits(t testing.TB, h *Head, x []float32) []float32 {
	t.Helper()
	n := len(x) / h.InputSize()
	z := make([]float32, n*h.Outputs())
	if err := h.Logits(context.Background(), z, x, n); err != nil {
		t.Fatal(err)
	}
	return z
}

// steps trains on consecutive batches of x and returns the losses.
func steps(t testing.TB, tr *Trainer, x []float32, labels []int, rate float64) (losses []float64) {
	t.Helper()
	b, size := tr.o.Batch, tr.head.InputSize()
	for i := 0; i < len(labels); i += b {
		n := min(b, len(labels)-i)
		loss, err := tr.Step(x[i*size:(i+n)*size], labels[i:i+n], n, rate)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss)
	}
	return losses
}

// flatParams is all parameters in one array.
func flatParams(h *Head) (all []float32) {
	for _, p := range h.Params() {
		all = append(all, p.Data...)
	}
	return all
}

// shaped wraps n items of x for a file.
func shaped(h *Head, x []float32) *tensor.Tensor {
	return tensor.Of(x, append([]int{len(x) / h.InputSize()}, h.spec.Input...)...)
}
