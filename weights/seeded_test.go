package weights

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/onnx"
)

// parameters counts what training would change: all weights but the running
// statistics of batch norms and the scalars that are attributes in disguise.
func parameters(t *testing.T, m *onnx.Model) int64 {
	t.Helper()
	statistics := map[string]bool{}
	for _, n := range m.Nodes {
		if n.Op == "BatchNormalization" {
			statistics[n.Inputs[3]], statistics[n.Inputs[4]] = true, true
		}
	}
	var total int64
	for name, w := range m.Weights {
		if w.Type == onnx.Float && len(w.Shape) > 0 && !statistics[name] {
			n, err := w.Elements()
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	return total
}

// The counts are those that torchvision documents for its networks; AlexNet's
// is Caffe's, with its grouped convolutions.
func TestSeededParameters(t *testing.T) {
	for name, want := range map[string]int64{
		"vgg16": 138_357_544, "resnet18": 11_689_512, "resnet50": 25_557_032, "alexnet": 60_965_224,
		"mobilenetv2": 3_504_872, "densenet": 7_978_856, "squeezenet": 1_235_496,
	} {
		if testing.Short() && want > 20_000_000 {
			continue
		}
		m, err := Seeded(name, SeededOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := parameters(t, m); got != want {
			t.Errorf("%s has %d parameters, wanted %d", name, got, want)
		}
	}
}

// Every form is a well-formed graph: values come before their use, names occur
// once, and no weight is left over.
func TestSeededGraphs(t *testing.T) {
	for _, name := range SeededNames() {
		for _, opset := range []int64{7, 9, 13, 18} {
			for form := range 4 {
				o := SeededOptions{Opset: opset, NHWC: form&1 > 0, FoldedBN: form&2 > 0, Width: 0.1, Classes: 7, Batch: int64(form)}
				m, err := Seeded(name, o)
				if err != nil {
					t.Fatal(err)
				}
				checkGraph(t, name, m)
				if b := m.Outputs[0].Shape[0]; (o.Batch == 0) != (b.Size == -1) {
					t.Errorf("%s: output batch %+v", name, b)
				}
			}
		}
	}
}

func checkGraph(t *testing.T, name string, m *onnx.Model) {
	t.Helper()
	known, used, labels := map[string]bool{m.Inputs[0].Name: true}, map[string]bool{}, map[string]bool{}
	for _, n := range m.Nodes {
		if labels[n.Name] {
			t.Errorf("%s: two nodes are called %q", name, n.Name)
		}
		labels[n.Name] = true
		for _, in := range n.Inputs {
			if _, weight := m.Weights[in]; !weight && !known[in] {
				t.Errorf("%s: node %q reads %q, which nothing gives", name, n.Name, in)
			}
			used[in] = true
		}
		known[n.Outputs[0]] = true
	}
	if !known[m.Outputs[0].Name] {
		t.Errorf("%s: output %q comes from nowhere", name, m.Outputs[0].Name)
	}
	for w := range m.Weights {
		if !used[w] {
			t.Errorf("%s: weight %q is not used", name, w)
		}
	}
}

func TestSeededIsRepeatable(t *testing.T) {
	build := func(o SeededOptions) *onnx.Model {
		m, err := Seeded("tiny", o)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	a, b := build(SeededOptions{Seed: 3}), build(SeededOptions{Seed: 3, Opset: 7, NHWC: true, Batch: 2})
	for _, name := range slices.Sorted(maps.Keys(a.Weights)) {
		if strings.HasPrefix(name, "fc.") {
			continue // transposed in the NHWC form
		}
		if !bytes.Equal(a.Weights[name].Raw, b.Weights[name].Raw) {
			t.Errorf("%s differs between two forms of one seed", name)
		}
	}
	c := build(SeededOptions{Seed: 4})
	if bytes.Equal(a.Weights["conv1.weight"].Raw, c.Weights["conv1.weight"].Raw) {
		t.Error("seeds 3 and 4 give the same weights")
	}
}

// The first filters follow He's rule to within five standard errors.
func TestSeededVariance(t *testing.T) {
	m, err := Seeded("resnet18", SeededOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.Weights["layer1.0.conv2.weight"].Floats()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, v := range w {
		sum += float64(v) * float64(v)
	}
	want := 2.0 / (64 * 9)
	if got, slack := sum/float64(len(w)), 5*want*math.Sqrt(2/float64(len(w))); math.Abs(got-want) > slack {
		t.Errorf("variance %g, wanted %g ± %g", got, want, slack)
	}
}

func TestSeededErrors(t *testing.T) {
	for _, c := range []struct {
		name, want string
		o          SeededOptions
	}{
		{"vgg61", "known are alexnet, densenet", SeededOptions{}},
		{"vgg16", "size 31 is too small", SeededOptions{Size: 31, Width: 0.1}},
		{"alexnet", "too small", SeededOptions{Size: 16, Width: 0.1}},
		{"tiny", "opset 23", SeededOptions{Opset: 23}},
		{"tiny", "width", SeededOptions{Width: math.NaN()}},
	} {
		if _, err := Seeded(c.name, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: error %v, wanted %q", c.name, c.o, err, c.want)
		}
	}
}
