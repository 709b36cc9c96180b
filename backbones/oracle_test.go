//go:build oracle

package backbones

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/weights"
)

// Features of seeded networks at several cuts, sizes and preprocessings
// against onnxruntime, which reads the same file and knows nothing of cards.
func TestOracleFeatures(t *testing.T) {
	for _, c := range []struct {
		name, preprocess string
		o                weights.SeededOptions
		size             int
		cuts             []string
	}{
		{"vgg16", "torch", weights.SeededOptions{Batch: 1, Opset: 12}, 224, []string{"block5"}},
		{"vgg16", "caffe", weights.SeededOptions{NHWC: true, Width: 0.25, Size: 96}, 128, []string{"block2", "block5"}},
		{"alexnet", "torch", weights.SeededOptions{Opset: 9, Batch: 1}, 224, []string{"block1", "block3"}},
		{"mobilenetv2", "tf", weights.SeededOptions{NHWC: true}, 160, []string{"stage2", "stage4"}},
		{"densenet", "torch", weights.SeededOptions{Opset: 18}, 100, []string{"stage1", "stage4"}},
		{"squeezenet", "rescale", weights.SeededOptions{Opset: 7}, 128, []string{"stage3"}},
		{"resnet50", "none", weights.SeededOptions{Opset: 7, NHWC: true, FoldedBN: true}, 128, []string{"stage3", "stage4"}},
	} {
		dir, path := t.TempDir(), seeded(t, c.name, c.o)
		x := pictures(3, c.size)
		testkit.WriteNPY(t, filepath.Join(dir, "x.npy"), tensor.Of(x, 3, 3, c.size, c.size))
		for _, cut := range c.cuts {
			b := open(t, path, Options{Cut: cut, Size: c.size, Preprocess: c.preprocess, Batch: 2})
			got := features(t, b, x)
			out := filepath.Join(dir, "y.npy")
			testkit.Python(t, "backbones_features.py", path, b.Card().Cut, c.preprocess, filepath.Join(dir, "x.npy"), out)
			want := testkit.ReadNPY(t, out)
			testkit.Compare(t, fmt.Sprintf("%s %s at %d", c.name, cut, c.size), got, want.Data, testkit.Float)
		}
	}
}

// The stages of the real network against onnxruntime.
func TestOracleRealStages(t *testing.T) {
	path, dir := testkit.Data(t, "weights/resnet50.onnx"), t.TempDir()
	x := pictures(2, 128)
	testkit.WriteNPY(t, filepath.Join(dir, "x.npy"), tensor.Of(x, 2, 3, 128, 128))
	for _, cut := range []string{"stage1", "stage2", "stage3", "stage4"} {
		b := open(t, path, Options{Cut: cut, Size: 128})
		testkit.Python(t, "backbones_features.py", path, b.Card().Cut, "torch", filepath.Join(dir, "x.npy"), filepath.Join(dir, "y.npy"))
		testkit.Compare(t, cut, features(t, b, x), testkit.ReadNPY(t, filepath.Join(dir, "y.npy")).Data, testkit.Float)
	}
}
