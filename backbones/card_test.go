package backbones

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// Named cuts of every family at 224 pixels, with the shapes of the papers; VGG
// and AlexNet are a quarter as wide, because their files are large.
func TestNamedCuts(t *testing.T) {
	for name, want := range map[string]string{
		"resnet18":    "stage1 [64 56 56], stage2 [128 28 28], stage3 [256 14 14], stage4 [512 7 7]",
		"vgg16":       "block1 [16 112 112], block2 [32 56 56], block3 [64 28 28], block4 [128 14 14], block5 [128 7 7]",
		"alexnet":     "block1 [24 27 27], block2 [64 13 13], block3 [64 6 6]",
		"mobilenetv2": "stage1 [24 56 56], stage2 [32 28 28], stage3 [96 14 14], stage4 [1280 7 7]",
		"densenet":    "stage1 [128 56 56], stage2 [256 28 28], stage3 [512 14 14], stage4 [1024 7 7]",
		"squeezenet":  "stage1 [128 55 55], stage2 [256 27 27], stage3 [512 13 13]",
	} {
		var o weights.SeededOptions
		if name == "vgg16" || name == "alexnet" {
			o.Width = 0.25
		}
		card, err := Inspect(seeded(t, name, o), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := card.cutNames(); got != want {
			t.Errorf("%s: cuts are %s, wanted %s", name, got, want)
		}
		if card.Untrained == "" {
			t.Errorf("%s is called trained", name)
		}
	}
}

// timm writes VGG's dense layers as convolutions and pools behind them.
func TestDenseLayersAsConvolutions(t *testing.T) {
	m, err := weights.Seeded("vgg16", weights.SeededOptions{Size: 96, Width: 0.1, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	asConvolution(t, m, "fc1", 3)
	asConvolution(t, m, "fc2", 1)
	m.Nodes = dropNode(m.Nodes, "flatten")
	pooled := onnx.Node{Name: "pool", Op: "GlobalAveragePool", Inputs: []string{"drop2.out"}, Outputs: []string{"pooled"}}
	flat := onnx.Node{Name: "flat", Op: "Flatten", Inputs: []string{"pooled"}, Outputs: []string{"flat"}}
	last := m.Nodes[len(m.Nodes)-1]
	last.Inputs[0] = "flat"
	m.Nodes = append(m.Nodes[:len(m.Nodes)-1], pooled, flat, last)
	card, err := Inspect(write(t, m), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if card.Cut != "block5_pool.out" || len(card.Cuts) != 5 {
		t.Errorf("cut at %s among %s", card.Cut, card.cutNames())
	}
}

// asConvolution turns a Gemm into a convolution with a k×k window.
func asConvolution(t *testing.T, m *onnx.Model, name string, k int64) {
	t.Helper()
	for i := range m.Nodes {
		n := &m.Nodes[i]
		if n.Name != name {
			continue
		}
		n.Op, n.Attrs = "Conv", map[string]any{"kernel_shape": []int64{k, k}}
		w := m.Weights[n.Inputs[1]]
		w.Shape = []int64{w.Shape[0], w.Shape[1] / k / k, k, k}
		if n.Inputs[0] == "flatten.out" {
			n.Inputs[0] = "block5_pool.out"
		}
		return
	}
	t.Fatalf("no node %q", name)
}

func dropNode(nodes []onnx.Node, name string) []onnx.Node {
	var kept []onnx.Node
	for _, n := range nodes {
		if n.Name != name {
			kept = append(kept, n)
		}
	}
	return kept
}

// A file that ends with its features is cut at its end.
func TestFileWithoutClassifier(t *testing.T) {
	for name, end := range map[string]string{"resnet18": "layer4.1.relu.out", "mobilenetv2": "features.18.relu.out"} {
		for _, pooled := range []bool{false, true} {
			m, err := weights.Seeded(name, weights.SeededOptions{Size: 96, Width: 0.25})
			if err != nil {
				t.Fatal(err)
			}
			if m = m.Cut(end); pooled {
				m.Nodes = append(m.Nodes, onnx.Node{Op: "GlobalAveragePool", Inputs: []string{end}, Outputs: []string{"pooled"}})
				m.Outputs = []onnx.ValueInfo{{Name: "pooled", Type: onnx.Float}}
			}
			card, err := Inspect(write(t, m), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if last := card.Cuts[len(card.Cuts)-1].Value; last != end {
				t.Errorf("%s, pooled %v: last cut is %q, wanted %q", name, pooled, last, end)
			}
		}
	}
}

func TestCutByValue(t *testing.T) {
	path := seeded(t, "tiny", weights.SeededOptions{})
	b := open(t, path, Options{Cut: "layer2.0.relu.out"})
	if c := b.Card(); c.CutName != "stage2" || c.Feature[0] != 32 {
		t.Errorf("card %+v", c)
	}
	b = open(t, path, Options{Cut: "conv1.out"})
	if c := b.Card(); c.CutName != "conv1.out" || c.Cut != "conv1.out" || c.Feature[1] != 32 {
		t.Errorf("card %+v", c)
	}
}

// Where only the end of a network cannot be read, a cut before it can.
func TestCutBeforeUnknownOperators(t *testing.T) {
	m, err := weights.Seeded("tiny", weights.SeededOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.Nodes = append(m.Nodes, onnx.Node{Name: "top", Op: "Hardmax", Inputs: []string{m.Outputs[0].Name}, Outputs: []string{"top"}})
	m.Outputs[0].Name = "top"
	path := write(t, m)
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "Hardmax") {
		t.Errorf("error %v, wanted one that names the operator", err)
	}
	b := open(t, path, Options{Cut: "layer2.0.relu.out"})
	if c := b.Card(); c.Feature[0] != 32 || !strings.Contains(strings.Join(c.Notes, " "), "Hardmax") {
		t.Errorf("card %+v", c)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Setenv("TL_HOME", t.TempDir())
	dir := t.TempDir()
	tiny := seeded(t, "tiny", weights.SeededOptions{})
	vgg := seeded(t, "vgg16", weights.SeededOptions{Width: 0.1, Size: 64})
	alex := seeded(t, "alexnet", weights.SeededOptions{Width: 0.1, Size: 96})
	text := filepath.Join(dir, "page.onnx")
	os.WriteFile(text, []byte("<html>sorry</html>"), 0o644)
	for _, c := range []struct {
		ref  string
		o    Options
		want string
	}{
		{"resnet50", Options{}, "tl weights pull resnet50"},
		{"resnet99", Options{}, "known are alexnet"},
		{filepath.Join(dir, "none.onnx"), Options{}, "none.onnx"},
		{text, Options{}, "page.onnx"},
		{tiny, Options{Cut: "stage9"}, `named cuts are stage1 [16 32 32]`},
		{tiny, Options{Cut: "fc.out"}, "wanted a feature map (N,C,H,W)"},
		{tiny, Options{Preprocess: "imagenet"}, `no preprocessing "imagenet": known are torch`},
		{tiny, Options{Size: -3}, "size -3, wanted 1"},
		{tiny, Options{MaxMemory: 1000}, "at most 0 MiB are allowed"},
		{vgg, Options{Size: 31}, "(at least 32 is needed)"},
		{alex, Options{Size: 20}, "at least"},
	} {
		b, err := Open(c.ref, c.o)
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), filepath.Base(c.ref)) != 1 && strings.HasSuffix(c.ref, "onnx") {
			t.Errorf("%s %+v: error %v, wanted %q and the file once", filepath.Base(c.ref), c.o, err, c.want)
		}
	}
}

// The least size that an error names works, and one less does not.
func TestLeastSize(t *testing.T) {
	path := seeded(t, "alexnet", weights.SeededOptions{Width: 0.1, Size: 96})
	_, err := Open(path, Options{Size: 20})
	if err == nil {
		t.Fatal("size 20 works")
	}
	_, after, _ := strings.Cut(err.Error(), "at least ")
	number, _, _ := strings.Cut(after, " ")
	least := 0
	for _, d := range number {
		least = 10*least + int(d-'0')
	}
	features(t, open(t, path, Options{Size: least, Batch: 1}), pictures(1, least))
	if _, err := Open(path, Options{Size: least - 1}); err == nil {
		t.Errorf("size %d works, but %d is called the least", least-1, least)
	}
}

// Weights beside the file count in its digest: the file alone says nothing of them.
func TestDigestOfExternalWeights(t *testing.T) {
	path := seeded(t, "tiny", weights.SeededOptions{})
	b := open(t, path, Options{})
	file := b.Card().Digest
	if got, err := b.digest(file); err != nil || got != file {
		t.Errorf("digest %s, error %v; wanted the file's", got, err)
	}
	b.m.Path = filepath.Join(t.TempDir(), "small.onnx") // as if the weights lay elsewhere
	os.WriteFile(b.m.Path, []byte("graph only"), 0o644)
	if got, err := b.digest(file); err != nil || got == file || len(got) != 64 {
		t.Errorf("digest %s, error %v; wanted another than the file's", got, err)
	}
}
