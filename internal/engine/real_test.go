package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// TestRealNetworks runs the pretrained networks, raw and optimised, with every
// kernel implementation this machine has, against numbers computed by torch.
func TestRealNetworks(t *testing.T) {
	x := testkit.ReadNPY(t, testkit.Data(t, "golden/imagenet4_input.npy"))
	for _, kernels := range implementations(t) {
		for _, raw := range []bool{false, true} {
			for _, net := range realNetworks {
				images := x.Shape[0]
				if kernels == "portable" {
					images = 1 // seconds an image
				}
				t.Run(fmt.Sprintf("%s/%s/raw=%v", net.name, kernels, raw), func(t *testing.T) {
					t.Setenv("TL_CPU", kernels)
					net.check(t, firstImages(x, images), raw)
				})
			}
		}
	}
}

type realNetwork struct {
	name   string
	values []string // outputs to ask for
	golden []string // their numbers
}

var realNetworks = []realNetwork{
	{"resnet18", []string{"output"}, []string{"resnet18-ktb_logits"}},
	{"resnet50", []string{"/layer4/layer4.2/relu_2/Relu_output_0", "output"}, []string{"resnet50-pqf_layer4", "resnet50-pqf_logits"}},
}

func (n realNetwork) check(t *testing.T, x *tensor.Tensor, raw bool) {
	m := open(t, testkit.Data(t, "weights/"+n.name+".onnx"))
	g, err := graph.Import(m, graph.ImportOptions{Batch: x.Shape[0], Outputs: n.values})
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, compile(t, g, Options{Raw: raw}), x)
	for i, name := range n.golden {
		want := firstImages(testkit.ReadNPY(t, testkit.Data(t, "golden/"+name+".npy")), x.Shape[0])
		if !out[i].Shape.Equal(want.Shape) {
			t.Fatalf("%s has shape %v, want %v", name, out[i].Shape, want.Shape)
		}
		testkit.Compare(t, name, out[i].Data, want.Data, testkit.Float)
		if len(want.Shape) == 2 {
			sameTop5(t, out[i], want)
		}
	}
}

// TestSizes runs a pretrained network up to its last feature map at other image
// sizes, also odd ones: the map shrinks by 32, and passes change nothing.
func TestSizes(t *testing.T) {
	m := open(t, testkit.Data(t, "weights/resnet18.onnx"))
	for _, size := range []int{64, 101, 320} {
		o := graph.ImportOptions{Size: size, Batch: 1, Outputs: []string{"/layer4/layer4.1/relu_1/Relu_output_0"}}
		g, err := graph.Import(m, o)
		if err != nil {
			t.Fatal(err)
		}
		x := noise(1, size, false)
		want := run(t, compile(t, g, Options{Raw: true}), x)[0]
		side := (size + 31) / 32
		if !want.Shape.Equal(tensor.Shape{1, 512, side, side}) {
			t.Errorf("size %d: features are %v", size, want.Shape)
		}
		testkit.Compare(t, fmt.Sprintf("size %d", size), run(t, compile(t, g, Options{}), x)[0].Data, want.Data, testkit.Float)
	}
}

// firstImages is the first n of x's axis 0.
func firstImages(x *tensor.Tensor, n int) *tensor.Tensor {
	shape := x.Shape.Clone()
	shape[0] = n
	return tensor.Of(x.Data[:shape.Size()], shape...)
}

// sameTop5 compares the order of the five largest logits of every image.
func sameTop5(t *testing.T, got, want *tensor.Tensor) {
	t.Helper()
	classes := want.Shape[1]
	for i := range want.Shape[0] {
		g, w := top5(got.Data[i*classes:][:classes]), top5(want.Data[i*classes:][:classes])
		if !slices.Equal(g, w) {
			t.Errorf("image %d: top 5 are %v, want %v", i, g, w)
		}
	}
}

func top5(logits []float32) []int {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	return order[:5]
}

// implementations lists the kernels that run on this machine.
func implementations(t testing.TB) []string {
	var names []string
	for _, name := range []string{"portable", "avx2", "avx512"} {
		t.Setenv("TL_CPU", name)
		if d, err := cpu.New(1); err == nil {
			d.Close()
			names = append(names, name)
		}
	}
	t.Setenv("TL_CPU", "")
	return names
}

func open(t testing.TB, path string) *onnx.Model {
	t.Helper()
	m, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// compile builds a program on a device of its own, with two threads.
func compile(t testing.TB, g *graph.Graph, o Options) Exec {
	t.Helper()
	d, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	x, err := NewCPU(d).Compile(context.Background(), Program{Graph: g}, o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func run(t testing.TB, e Exec, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := e.Run(context.Background(), in...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
