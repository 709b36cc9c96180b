package engine

import (
	"fmt"
	"testing"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/testkit"
)

// BenchmarkResNet50 runs the pretrained ResNet50 at 224×224 on two threads.
func BenchmarkResNet50(b *testing.B) {
	m := open(b, testkit.Data(b, "weights/resnet50.onnx"))
	for _, batch := range []int{1, 8} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			g, err := graph.Import(m, graph.ImportOptions{Batch: batch})
			if err != nil {
				b.Fatal(err)
			}
			e := compile(b, g, Options{})
			x := noise(batch, 224, false)
			run(b, e, x)
			b.ReportAllocs()
			for b.Loop() {
				run(b, e, x)
			}
			b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "images/s")
			b.ReportMetric(float64(e.Memory())/(1<<20), "MiB")
		})
	}
}

// BenchmarkCompile opens the way from a read file to a program.
func BenchmarkCompile(b *testing.B) {
	m := open(b, testkit.Data(b, "weights/resnet50.onnx"))
	for b.Loop() {
		g, err := graph.Import(m, graph.ImportOptions{Batch: 8})
		if err != nil {
			b.Fatal(err)
		}
		compile(b, g, Options{})
	}
}
