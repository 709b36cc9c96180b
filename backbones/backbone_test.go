package backbones

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// seeded writes a seeded network to a file.
func seeded(t testing.TB, name string, o weights.SeededOptions) string {
	t.Helper()
	m, err := weights.Seeded(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, m)
}

// write writes a model to a file of its own.
func write(t testing.TB, m *onnx.Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), m.Name+".onnx")
	if err := onnx.WriteFile(path, m); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a backbone until the end of the test.
func open(t testing.TB, ref string, o Options) *Backbone {
	t.Helper()
	b, err := Open(ref, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// pictures returns n random pictures (n,3,s,s), 0 … 255.
func pictures(n, s int) []float32 {
	r := rand.New(rand.NewPCG(9, 9))
	x := make([]float32, n*3*s*s)
	for i := range x {
		x[i] = 255 * r.Float32()
	}
	return x
}

// features computes the features of pictures.
func features(t testing.TB, b *Backbone, pixels []float32) []float32 {
	t.Helper()
	n := len(pixels) / (3 * b.Card().Size * b.Card().Size)
	y := make([]float32, n*b.FeatureSize())
	if err := b.Features(context.Background(), y, pixels, n); err != nil {
		t.Fatal(err)
	}
	return y
}

// The feature map of the real ResNet50 against torch's, in batches that do not
// divide the number of pictures.
func TestGoldenFeatures(t *testing.T) {
	x := testkit.ReadNPY(t, testkit.Data(t, "golden/imagenet4_input.npy"))
	want := testkit.ReadNPY(t, testkit.Data(t, "golden/resnet50-pqf_layer4.npy"))
	b := open(t, testkit.Data(t, "weights/resnet50.onnx"), Options{Cut: "stage4", Preprocess: "none", Batch: 3})
	testkit.Compare(t, "layer4", features(t, b, x.Data), want.Data, testkit.Float)
}

// The card of the real files: found by structure, by nobody's name.
func TestCardsOfRealFiles(t *testing.T) {
	for _, c := range []struct {
		file   string
		params int64
		shapes string
	}{
		{"resnet50", 25_557_032, "stage1 [256 56 56], stage2 [512 28 28], stage3 [1024 14 14], stage4 [2048 7 7]"},
		{"resnet18", 11_689_512, "stage1 [64 56 56], stage2 [128 28 28], stage3 [256 14 14], stage4 [512 7 7]"},
	} {
		path := testkit.Data(t, "weights/"+c.file+".onnx")
		b := open(t, path, Options{Cut: "stage4", Batch: 1})
		card := b.Card()
		if card.cutNames() != c.shapes || card.CutName != "stage4" || card.usual().Name != "stage3" || card.Layout != "NCHW" || card.Size != 224 || card.Name != c.file {
			t.Errorf("%s: card %+v", c.file, card)
		}
		if card.Preprocess.Name != "torch" || !strings.Contains(card.PreprocessWhy, "pytorch 1.13.0") {
			t.Errorf("%s: preprocessing %s: %s", c.file, card.Preprocess.Name, card.PreprocessWhy)
		}
		if card.Untrained != "" {
			t.Errorf("%s is called untrained: %s", c.file, card.Untrained)
		}
		if sum, err := onnx.Digest(path); err != nil || sum != card.Digest {
			t.Errorf("%s: digest %s, wanted %s (%v)", c.file, card.Digest, sum, err)
		}
		if got := Params(b.AllLayers()); got != c.params {
			t.Errorf("%s has %d parameters, wanted %d", c.file, got, c.params)
		}
		if got, want := Params(b.Layers()), c.params-int64(card.Feature[0]+1)*1000; got != want {
			t.Errorf("%s: %d parameters before the cut, wanted %d", c.file, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	path := testkit.Data(t, "weights/resnet50.onnx")
	for size, want := range map[int]int{64: 4, 128: 8, 224: 14} {
		b := open(t, path, Options{Cut: "stage3", Size: size, Batch: 1})
		if got := b.FeatureShape(); !slices.Equal(got, []int{1024, want, want}) || b.FeatureSize() != 1024*want*want {
			t.Errorf("stage3 at %d: %v", size, got)
		}
		b = open(t, path, Options{Cut: "stage3", Size: size, Batch: 1, Pool: PoolMean})
		if got := b.FeatureShape(); !slices.Equal(got, []int{1024}) {
			t.Errorf("stage3 pooled at %d: %v", size, got)
		}
	}
}

// Pooled features are the mean of the others over the pixels, and the maximum
// where it is asked for.
func TestPool(t *testing.T) {
	path := seeded(t, "tiny", weights.SeededOptions{})
	x := pictures(3, 64)
	flat := open(t, path, Options{})
	full, shape := features(t, flat, x), flat.FeatureShape()
	channels, cells := shape[0], shape[1]*shape[2]
	var mean, both []float32
	for picture := range slices.Chunk(full, channels*cells) {
		var most []float32
		for plane := range slices.Chunk(picture, cells) {
			sum := float32(0)
			for _, v := range plane {
				sum += v / float32(cells)
			}
			mean, most = append(mean, sum), append(most, slices.Max(plane))
		}
		both = append(append(both, mean[len(mean)-channels:]...), most...)
	}
	for pool, want := range map[string][]float32{PoolMean: mean, PoolMeanMax: both} {
		b := open(t, path, Options{Pool: pool})
		testkit.Compare(t, pool, features(t, b, x), want, testkit.Close)
		if got := b.Card(); !slices.Equal(got.Feature, []int{len(want) / 3}) || got.Pool != pool {
			t.Errorf("card: features %v pooled by %q, want %d by %q", got.Feature, got.Pool, len(want)/3, pool)
		}
	}
	if _, err := Open(path, Options{Pool: "max"}); err == nil {
		t.Error("another pooling is taken")
	}
}

// What comes out for a picture depends on nothing but the picture.
func TestFeaturesOfAnyNumber(t *testing.T) {
	path := seeded(t, "tiny", weights.SeededOptions{})
	x := pictures(7, 64)
	b := open(t, path, Options{Batch: 3})
	all, f := features(t, b, x), b.FeatureSize()
	for i := range 7 {
		if one := features(t, b, x[i*3*64*64:(i+1)*3*64*64]); !slices.Equal(one, all[i*f:(i+1)*f]) {
			t.Errorf("picture %d alone gives other features than among others", i)
		}
	}
	two := open(t, path, Options{Batch: 3, Threads: 2})
	one := open(t, path, Options{Batch: 3, Threads: 1})
	if !slices.Equal(features(t, one, x), features(t, two, x)) {
		t.Error("one and two threads give different features")
	}
	if err := b.Features(context.Background(), make([]float32, 10), x, 7); err == nil || !strings.Contains(err.Error(), "7 pictures") {
		t.Errorf("too small a dst: error %v", err)
	}
	if err := b.Features(context.Background(), nil, nil, 0); err != nil {
		t.Errorf("no pictures: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Features(ended, all, x, 7); err == nil {
		t.Error("an ended context is not noticed")
	}
}

func TestFeaturesDoNotAllocate(t *testing.T) {
	b := open(t, seeded(t, "tiny", weights.SeededOptions{}), Options{Batch: 4, Threads: 2})
	x, y := pictures(6, 64), make([]float32, 6*b.FeatureSize())
	ctx := context.Background()
	if n := testing.AllocsPerRun(10, func() {
		if err := b.Features(ctx, y, x, 6); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// Every form of a network gives the same features, at its own and at another
// size, with all passes and raw.
func TestFormsGiveTheSameFeatures(t *testing.T) {
	for _, name := range weights.SeededNames() {
		o := weights.SeededOptions{Size: 96, Width: 0.1, Classes: 10, Seed: 3}
		for _, size := range []int{96, 70} {
			x := pictures(2, size)
			first := open(t, seeded(t, name, o), Options{Size: size, Raw: true})
			want := features(t, first, x)
			for i, opset := range []int64{7, 9, 13, 18} {
				for form := range 4 {
					if size != o.Size && form != i {
						continue // at the other size each opset and each form once
					}
					o := o
					o.Opset, o.NHWC, o.FoldedBN, o.Batch = opset, form&1 > 0, form&2 > 0, int64(i%2)
					b := open(t, seeded(t, name, o), Options{Size: size, Batch: 2})
					if got := b.Card(); got.cutNames() != first.Card().cutNames() || (got.Layout == "NHWC") != o.NHWC {
						t.Errorf("%s %+v: cuts %s, layout %s; wanted %s", name, o, got.cutNames(), got.Layout, first.Card().cutNames())
					}
					testkit.Compare(t, fmt.Sprintf("%s at %d, opset %d, NHWC %v, folded %v", name, size, opset, o.NHWC, o.FoldedBN), features(t, b, x), want, testkit.Float)
				}
			}
		}
	}
}

func TestWeightsDigest(t *testing.T) {
	b := open(t, seeded(t, "tiny", weights.SeededOptions{Seed: 1}), Options{})
	before := b.WeightsDigest()
	features(t, b, pictures(2, 64))
	if b.WeightsDigest() != before {
		t.Error("computing features changed the weights")
	}
	if other := open(t, seeded(t, "tiny", weights.SeededOptions{Seed: 2}), Options{}); other.WeightsDigest() == before {
		t.Error("other weights have the same digest")
	}
}
