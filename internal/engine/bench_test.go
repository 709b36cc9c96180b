package engine

import (
	"fmt"
	"testing"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// BenchmarkForward runs the pretrained ResNet50 and a seeded VGG16 on two
// threads. bench/peers measures them beside other tools.
func BenchmarkForward(b *testing.B) {
	vgg, err := weights.Seeded("vgg16", weights.SeededOptions{})
	if err != nil {
		b.Fatal(err)
	}
	cut := vgg.Nodes[0].Outputs[0]
	for _, n := range vgg.Nodes { // the last pool
		if n.Op == "MaxPool" {
			cut = n.Outputs[0]
		}
	}
	resnet := open(b, testkit.Data(b, "weights/resnet50.onnx"))
	for _, net := range []struct {
		name string
		m    *onnx.Model
		cut  string
	}{{"resnet50", resnet, "/layer4/layer4.2/relu_2/Relu_output_0"}, {"vgg16", vgg, cut}} {
		for _, size := range []int{224, 128, 64} {
			for _, batch := range []int{1, 8, 32} {
				b.Run(fmt.Sprintf("%s/size=%d/batch=%d", net.name, size, batch), func(b *testing.B) {
					g, err := graph.Import(net.m, graph.ImportOptions{Batch: batch, Size: size, Outputs: []string{net.cut}})
					if err != nil {
						b.Fatal(err)
					}
					benchForward(b, g, batch, size)
				})
			}
		}
	}
}

func benchForward(b *testing.B, g *graph.Graph, batch, size int) {
	e := compile(b, g, Options{})
	x := noise(batch, size, false)
	run(b, e, x)
	for b.Loop() {
		run(b, e, x)
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "images/s")
	b.ReportMetric(float64(e.Memory())/(1<<20), "MiB")
	p := e.(Profiler)
	p.EnableProfile(true)
	for range 3 {
		run(b, e, x)
	}
	for _, n := range p.Profile() {
		ms := n.Time.Seconds() * 1e3 / float64(batch)
		b.Logf("%-42s %-12s %-14s g%-2d %-18v %7.3f ms/img %6.0f GFLOP/s", n.Name, n.Kind, n.Algorithm, n.Group, n.Shape, ms, n.Flops/n.Time.Seconds()/1e9)
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
