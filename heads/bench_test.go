package heads

import "testing"

// A training step of the baseline CNN: batch 32 of 3×64×64, two threads.
func BenchmarkBaselineStep(b *testing.B) {
	benchmarkStep(b, Spec{Model: "baseline", Input: []int{3, 64, 64}}, 32)
}

// A training step of the default head on VGG16's features: batch 64, two threads.
func BenchmarkHeadStep(b *testing.B) {
	benchmarkStep(b, Spec{Input: []int{512, 7, 7}}, 64)
}

// A training step of a hidden layer on ResNet50's features: batch 64, two threads.
func BenchmarkHiddenStep(b *testing.B) {
	benchmarkStep(b, Spec{Input: []int{2048, 4, 4}, Hidden: 128, Dropout: 0.5}, 64)
}

func benchmarkStep(b *testing.B, s Spec, batch int) {
	h := build(b, s)
	tr := trainer(b, h, TrainOptions{Batch: batch, Threads: 2})
	x, labels := items(h, batch, 1)
	steps(b, tr, x, labels, 1e-3)
	b.ReportAllocs()
	for b.Loop() {
		steps(b, tr, x, labels, 1e-3)
	}
}
