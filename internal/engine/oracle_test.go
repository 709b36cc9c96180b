//go:build oracle

package engine

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// TestAgainstONNXRuntime writes seeded networks in several forms, reads them
// back as files and compares features, raw and optimised, with the peer's.
func TestOracleNetworks(t *testing.T) {
	dir := t.TempDir()
	var files []string
	var inputs []*tensor.Tensor
	for _, name := range weights.SeededNames() {
		for i, opset := range []int64{7, 9, 13, 18} {
			o := weights.SeededOptions{Opset: opset, NHWC: i%2 == 1, FoldedBN: i/2 == 1, Width: 0.25, Size: 96, Classes: 10, Seed: 5}
			m, err := weights.Seeded(name, o)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fmt.Sprintf("%s-%d.onnx", name, opset))
			if err := onnx.WriteFile(path, m); err != nil {
				t.Fatal(err)
			}
			files, inputs = append(files, path), append(inputs, noise(2, 96, o.NHWC))
		}
	}
	compareWithPeer(t, files, inputs)
}

// TestRealAgainstONNXRuntime compares the pretrained networks on real images.
func TestOracleRealNetworks(t *testing.T) {
	x := firstImages(testkit.ReadNPY(t, testkit.Data(t, "golden/imagenet4_input.npy")), 2)
	files := []string{testkit.Data(t, "weights/resnet18.onnx"), testkit.Data(t, "weights/resnet50.onnx")}
	compareWithPeer(t, files, []*tensor.Tensor{x, x})
}

// compareWithPeer runs each file with its input here and in ONNX Runtime.
func compareWithPeer(t *testing.T, files []string, inputs []*tensor.Tensor) {
	t.Helper()
	dir := t.TempDir()
	var args []string
	for i, path := range files {
		in := filepath.Join(dir, fmt.Sprintf("%d-in.npy", i))
		testkit.WriteNPY(t, in, inputs[i])
		args = append(args, path, in, filepath.Join(dir, fmt.Sprintf("%d-out.npy", i)))
	}
	testkit.Python(t, "graph_run.py", args...)
	for i, path := range files {
		want := testkit.ReadNPY(t, args[3*i+2])
		g, err := graph.Import(open(t, path), graph.ImportOptions{Batch: inputs[i].Shape[0]})
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range []bool{true, false} {
			got := run(t, compile(t, g, Options{Raw: raw}), inputs[i])[0]
			label := fmt.Sprintf("%s raw=%v", filepath.Base(path), raw)
			testkit.Compare(t, label, got.Data, want.Data, testkit.Float)
			e, _ := testkit.RelativeError(got.Data, want.Data)
			t.Logf("%s: relative L2 error %.2g", label, e)
		}
	}
}

// BenchmarkResNet50AgainstONNXRuntime runs both on two threads in turns and
// reports medians: images/s here, images/s there, and their ratio, which the
// project wants to be 0.25 at least.
func BenchmarkResNet50AgainstONNXRuntime(b *testing.B) {
	path := testkit.Data(b, "weights/resnet50.onnx")
	for _, batch := range []int{1, 8} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			g, err := graph.Import(open(b, path), graph.ImportOptions{Batch: batch})
			if err != nil {
				b.Fatal(err)
			}
			e := compile(b, g, Options{})
			x := noise(batch, 224, false)
			run(b, e, x)
			runs := max(3, 16/batch)
			var ours, peers []float64
			for b.Loop() {
				for range 3 { // turns
					peers = append(peers, peerSeconds(b, path, batch, runs)...)
					for range runs {
						start := time.Now()
						run(b, e, x)
						ours = append(ours, time.Since(start).Seconds())
					}
				}
			}
			here, there := float64(batch)/median(ours), float64(batch)/median(peers)
			b.ReportMetric(here, "images/s")
			b.ReportMetric(there, "onnxruntime-images/s")
			b.ReportMetric(here/there, "ratio")
		})
	}
}

func peerSeconds(b *testing.B, path string, batch, runs int) (seconds []float64) {
	out := testkit.Python(b, "graph_bench.py", path, strconv.Itoa(batch), "2", strconv.Itoa(runs))
	if err := json.Unmarshal(out, &seconds); err != nil {
		b.Fatal(err)
	}
	return seconds
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
