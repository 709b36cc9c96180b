//go:build oracle

package engine

import (
	"fmt"
	"path/filepath"
	"testing"

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

// TestOracleFloat64 measures the feature map of the trained ResNet50 against
// float64, with every kernel set, on photographs and on crops of them: the
// bound of float32 in docs/performance.md.
func TestOracleFloat64(t *testing.T) {
	m := open(t, testkit.Data(t, "weights/resnet50.onnx"))
	photographs := testkit.ReadNPY(t, testkit.Data(t, "golden/imagenet4_input.npy"))
	layer4 := realNetworks[1].values[0]
	dir := t.TempDir()
	file, in, out := filepath.Join(dir, "cut.onnx"), filepath.Join(dir, "in.npy"), filepath.Join(dir, "out.npy")
	if err := onnx.WriteFile(file, m.Cut(layer4)); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{224, 160, 64} {
		x := crop(photographs, size)
		testkit.WriteNPY(t, in, x)
		testkit.Python(t, "graph_float64.py", file, in, out)
		want := testkit.ReadNPY(t, out)
		g, err := graph.Import(m, graph.ImportOptions{Batch: x.Shape[0], Size: size, Outputs: []string{layer4}})
		if err != nil {
			t.Fatal(err)
		}
		for _, kernels := range implementations(t) {
			if kernels == "portable" {
				continue // seconds an image; TestRealNetworks has it
			}
			t.Setenv("TL_CPU", kernels)
			got := run(t, compile(t, g, Options{}), x)[0]
			e, _ := testkit.RelativeError(got.Data, want.Data)
			t.Logf("%s, %d pixels: relative L2 error %.2g", kernels, size, e)
			testkit.Compare(t, kernels, got.Data, want.Data, testkit.Float)
		}
	}
}

// crop is the middle of images (N,C,S,S), side size.
func crop(x *tensor.Tensor, size int) *tensor.Tensor {
	side := x.Shape[2]
	y, at := tensor.New(x.Shape[0], x.Shape[1], size, size), (side-size)/2
	for i := range x.Shape[0] * x.Shape[1] * size {
		plane, row := i/size, i%size+at
		copy(y.Data[i*size:][:size], x.Data[(plane*side+row)*side+at:])
	}
	return y
}
