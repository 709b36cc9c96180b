package backbones

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// stranger returns a seeded network without the metadata that tl writes.
func stranger(t *testing.T, name string) *onnx.Model {
	t.Helper()
	m, err := weights.Seeded(name, weights.SeededOptions{Size: 64, Width: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	m.Producer, m.Metadata = "nobody", nil
	return m
}

// prepend puts nodes between the input and the network.
func prepend(m *onnx.Model, nodes ...onnx.Node) {
	last := nodes[len(nodes)-1].Outputs[0]
	for i, n := range m.Nodes {
		for j, in := range n.Inputs {
			if in == m.Inputs[0].Name {
				m.Nodes[i].Inputs[j] = last
			}
		}
	}
	m.Nodes = append(nodes, m.Nodes...)
}

// constants adds a weight and returns its name.
func constants(m *onnx.Model, name string, x ...float32) string {
	m.Weights[name] = onnx.NewFloats(name, []int64{int64(len(x)), 1, 1}, x)
	return name
}

func call(op, in, with, out string) onnx.Node {
	return onnx.Node{Name: out, Op: op, Inputs: []string{in, with}, Outputs: []string{out}}
}

func TestNothingTells(t *testing.T) {
	path := write(t, stranger(t, "resnet18"))
	_, err := Open(path, Options{})
	if err == nil || !strings.Contains(err.Error(), "give --preprocess with one of torch (RGB") {
		t.Errorf("error %v, wanted the question for --preprocess", err)
	}
	card, err := Inspect(path, Options{})
	if err != nil || card.Preprocess.Name != "" || card.PreprocessWhy == "" {
		t.Errorf("card %+v, error %v", card, err)
	}
	if c := open(t, path, Options{Preprocess: "caffe"}).Card(); c.Preprocess.Order != "BGR" || c.PreprocessWhy != "as asked for" {
		t.Errorf("card %+v", c)
	}
}

// An untrained network is no torchvision network, whoever wrote the file.
func TestExporterAloneIsNotEnough(t *testing.T) {
	m := stranger(t, "resnet18")
	m.Producer = "pytorch"
	if card, err := Inspect(write(t, m), Options{}); err != nil || card.Preprocess.Name != "" || !strings.Contains(card.PreprocessWhy, "untrained") {
		t.Errorf("card %+v, error %v", card, err)
	}
}

func TestMetadataTells(t *testing.T) {
	m := stranger(t, "tiny")
	m.Metadata = map[string]string{"tl.preprocess": "tf"}
	if c := open(t, write(t, m), Options{}).Card(); c.Preprocess.Name != "tf" || !strings.Contains(c.PreprocessWhy, "metadata") {
		t.Errorf("card %+v", c)
	}
}

// A network that scales its own input says what is left to do.
func TestFirstNodesTell(t *testing.T) {
	mean, std := []float32{0.485, 0.456, 0.406}, []float32{0.229, 0.224, 0.225}
	for _, c := range []struct {
		name, want string
		build      func(m *onnx.Model)
	}{
		{"ImageNet's mean of v/255", "none", func(m *onnx.Model) {
			prepend(m, call("Div", "input", constants(m, "k", 255), "a"), call("Sub", "a", constants(m, "mean", mean...), "b"), call("Div", "b", constants(m, "std", std...), "c"))
		}},
		{"ImageNet's mean", "rescale", func(m *onnx.Model) {
			prepend(m, call("Sub", "input", constants(m, "mean", mean...), "b"), call("Div", "b", constants(m, "std", std...), "c"))
		}},
		{"v/127.5 - 1", "none", func(m *onnx.Model) {
			prepend(m, call("Mul", "input", constants(m, "k", 1/127.5), "a"), call("Add", "a", constants(m, "one", -1), "b"))
		}},
		{"2v - 1", "rescale", func(m *onnx.Model) {
			prepend(m, call("Mul", "input", constants(m, "k", 2), "a"), call("Sub", "a", constants(m, "one", 1), "b"))
		}},
		{"v/255", "none", func(m *onnx.Model) { prepend(m, call("Div", "input", constants(m, "k", 255), "a")) }},
		{"something else", "", func(m *onnx.Model) { prepend(m, call("Mul", "input", constants(m, "k", 77), "a")) }},
	} {
		m := stranger(t, "tiny")
		c.build(m)
		card, err := Inspect(write(t, m), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if card.Preprocess.Name != c.want || !strings.Contains(card.PreprocessWhy, "scales its input itself") {
			t.Errorf("%s: %q, %s; wanted %q", c.name, card.Preprocess.Name, card.PreprocessWhy, c.want)
		}
	}
}

// A trained network is one whose weights no generator draws; here by a cube.
func train(t *testing.T, m *onnx.Model) {
	t.Helper()
	for name, w := range m.Weights {
		if len(w.Shape) != 4 {
			continue
		}
		x, err := w.Floats()
		if err != nil {
			t.Fatal(err)
		}
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = v * (1 + 100*v*v)
		}
		m.Weights[name] = onnx.NewFloats(name, w.Shape, y)
	}
}

func TestKerasLayerNamesTell(t *testing.T) {
	for _, c := range []struct{ network, from, to, want string }{
		{"vgg16", "block", "vgg16/block", "caffe"},
		{"resnet18", "layer1.0", "conv2_block1_preact_bn", "tf"},
		{"resnet18", "layer1.0", "conv2_block1_0_conv", ""},
	} {
		m := stranger(t, c.network)
		train(t, m)
		m.Producer = "tf2onnx"
		for i := range m.Nodes {
			m.Nodes[i].Name = strings.Replace(m.Nodes[i].Name, c.from, c.to, 1)
		}
		card, err := Inspect(write(t, m), Options{})
		if err != nil || card.Preprocess.Name != c.want {
			t.Errorf("%s: %q, %s, error %v; wanted %q", c.to, card.Preprocess.Name, card.PreprocessWhy, err, c.want)
		}
	}
}

// Weights drawn from every usual distribution are noticed, whole filters scaled
// or not; the smallest tails of the real networks are not.
func TestLooksDrawn(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	truncated := func() float64 {
		for {
			if v := r.NormFloat64(); math.Abs(v) < 2 {
				return v
			}
		}
	}
	tailed := func() float64 { // kurtosis 3.4: a mixture of two Gaussians
		s := 1.0
		if r.Float64() < 0.5 {
			s = 0.6945
		}
		return s * r.NormFloat64()
	}
	for _, c := range []struct {
		want string
		draw func() float64
	}{
		{"Gaussian", r.NormFloat64},
		{"uniform", func() float64 { return 2*r.Float64() - 1 }},
		{"cut-off Gaussian", truncated},
		{"", tailed},
		{"", func() float64 { return r.ExpFloat64() - r.ExpFloat64() }},
	} {
		for _, length := range []int{27, 64, 576, 4608} {
			w := make([]float32, 64*length)
			for i := range w {
				w[i] = float32(c.draw() * float64(1+i/length))
			}
			if got := looksDrawn(w, length); got != c.want && !(c.want == "" && length < 576) {
				k, _ := meanKurtosis(w, length)
				t.Errorf("filters of %d from %q: %q, kurtosis %.3f", length, c.want, got, k)
			}
		}
	}
}

func TestFreshBatchNorms(t *testing.T) {
	m := stranger(t, "resnet18")
	train(t, m)
	card, err := Inspect(write(t, m), Options{})
	if err != nil || card.Untrained != "" {
		t.Errorf("untrained %q, error %v", card.Untrained, err)
	}
	for _, n := range m.Nodes {
		if n.Op == "BatchNormalization" {
			c := m.Weights[n.Inputs[3]].Shape[0]
			one := make([]float32, c)
			for i := range one {
				one[i] = 1
			}
			m.Weights[n.Inputs[3]] = onnx.NewFloats(n.Inputs[3], []int64{c}, make([]float32, c))
			m.Weights[n.Inputs[4]] = onnx.NewFloats(n.Inputs[4], []int64{c}, one)
		}
	}
	if card, err := Inspect(write(t, m), Options{}); err != nil || !strings.Contains(card.Untrained, "all 20 batch norms") {
		t.Errorf("untrained %q, error %v", card.Untrained, err)
	}
}

// Both orders of channels against the formula in double precision.
func TestNormalise(t *testing.T) {
	const n, s = 2, 5
	d, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	x := pictures(n, s)
	for _, p := range named {
		want, turned := make([]float32, len(x)), make([]float32, len(x))
		for i := range n {
			for c := range 3 {
				from := c
				if p.Order == "BGR" {
					from = 2 - c
				}
				for j := range s * s {
					v := (float64(x[(3*i+from)*s*s+j])*p.Scale - p.Mean[c]) / p.Std[c]
					want[(3*i+c)*s*s+j], turned[(i*s*s+j)*3+c] = float32(v), float32(v)
				}
			}
		}
		got := make([]float32, len(x))
		d.Normalise(got, x, n, 3, s*s, p.normalise())
		testkit.Compare(t, p.Name, got, want, testkit.Close)
		p.applyNHWC(got, x, n, s, s)
		testkit.Compare(t, p.Name+" NHWC", got, turned, testkit.Close)
	}
}

// A file of the catalogue is known whatever else it says.
func TestCatalogueTells(t *testing.T) {
	b, err := look(write(t, stranger(t, "tiny")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, e := range weights.Catalogue() {
		p, why, ok := b.detect(e)
		if e.Preprocess != "" && (!ok || p.Name != e.Preprocess || !strings.Contains(why, e.Name)) {
			t.Errorf("%s: %q, %s", e.Name, p.Name, why)
		}
	}
}
