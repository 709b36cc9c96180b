package backbones

import (
	"slices"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/weights"
)

// A bottleneck of ResNet and a stage of VGG are blocks, found by structure.
func TestUnfreeze(t *testing.T) {
	resnet := testkit.Data(t, "weights/resnet50.onnx")
	vgg := seeded(t, "vgg16", weights.SeededOptions{Size: 64, Width: 0.25})
	for _, c := range []struct {
		path  string
		o     Options
		name  string
		shape []int
	}{
		{resnet, Options{Cut: "stage4", Unfreeze: 3, Size: 160}, "stage3", []int{1024, 10, 10}},
		{resnet, Options{Cut: "stage4", Unfreeze: 1, Size: 160}, "/layer4/layer4.1/relu_2/Relu_output_0", []int{2048, 5, 5}},
		{resnet, Options{Cut: "stage4", Unfreeze: 16, Size: 64}, "/maxpool/MaxPool_output_0", []int{64, 16, 16}},
		{resnet, Options{Unfreeze: 6, Size: 64}, "stage2", []int{512, 8, 8}},
		{resnet, Options{UnfreezeFrom: "stage3", Size: 64}, "stage3", []int{1024, 4, 4}},
		{vgg, Options{Unfreeze: 1}, "block4", []int{128, 4, 4}},
		{vgg, Options{Unfreeze: 2}, "block3", []int{64, 8, 8}},
	} {
		c.o.Preprocess, c.o.Pool = "torch", PoolMean
		b := open(t, c.path, c.o)
		u := b.Card().Unfrozen
		if u == nil || u.Name != c.name || !slices.Equal(u.Shape, c.shape) || !slices.Equal(b.FeatureShape(), c.shape) {
			t.Errorf("%+v: unfrozen %+v, features %v, want %s %v", c.o, u, b.FeatureShape(), c.name, c.shape)
			continue
		}
		if p := b.Part(); p.From != u.From || p.To != b.Card().Cut || p.Pool != PoolMean {
			t.Errorf("%+v: part %+v", c.o, p)
		}
	}
}
