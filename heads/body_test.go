package heads

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// readModel reads a file that ends with the test.
func readModel(t testing.TB, path string) *onnx.Model {
	t.Helper()
	m, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func newBody(t testing.TB, s BodySpec) *Body {
	t.Helper()
	b, err := NewBody(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// resnetStage is the last stage of the real ResNet50 behind features of size×size·2.
func resnetStage(t testing.TB, size int, pool string) *Body {
	t.Helper()
	return newBody(t, BodySpec{Model: readModel(t, testkit.Data(t, "weights/resnet50.onnx")), Shape: []int{1024, 2 * size, 2 * size}, Pool: pool,
		From: "/layer3/layer3.5/relu_2/Relu_output_0", To: "/layer4/layer4.2/relu_2/Relu_output_0"})
}

// smallSpec is the end of a seeded network of a quarter of the channels: its
// last two residual blocks ("block") or its last stage between poolings ("stage").
func smallSpec(t testing.TB, network, end string) BodySpec {
	t.Helper()
	path := filepath.Join(t.TempDir(), network+".onnx")
	m, err := weights.Seeded(network, weights.SeededOptions{Seed: 5, Size: 64, Width: 0.25, Classes: 10})
	if err == nil {
		err = onnx.WriteFile(path, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	m = readModel(t, path)
	var ends []string
	maker := map[string]string{}
	for _, n := range m.Nodes {
		maker[n.Outputs[0]] = n.Op
		if end == "block" && n.Op == "Relu" && maker[n.Inputs[0]] == "Add" || end == "stage" && n.Op == "MaxPool" {
			ends = append(ends, n.Outputs[0])
		}
	}
	s := BodySpec{Model: m, To: ends[len(ends)-1], Pool: "mean"}
	s.From = ends[len(ends)-2]
	if end == "block" {
		s.From = ends[len(ends)-3]
	}
	g, err := graph.Import(m, graph.ImportOptions{Batch: 1, Outputs: []string{s.From}})
	if err != nil {
		t.Fatal(err)
	}
	s.Shape = g.Outputs[0].Shape[1:]
	return s
}

func smallBody(t testing.TB, network, end string, norms bool) *Body {
	t.Helper()
	s := smallSpec(t, network, end)
	s.Norms = norms
	return newBody(t, s)
}

// onBody is a head on a body, with one batch to learn.
func onBody(t testing.TB, b *Body, batch int) (h *Head, x []float32, labels []int) {
	t.Helper()
	h, err := build(t, Spec{Input: b.OutputShape(), Seed: 2}).On(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	x, labels = items(h, batch, 3)
	return h, x, labels
}

// The body and its head learn a batch by heart, the same bytes on any number of
// threads; what the trained network says of it is what its training graph says.
func TestBodyLearns(t *testing.T) {
	var first []float32
	for _, threads := range []int{1, 2, 3} {
		h, x, labels := onBody(t, smallBody(t, "resnet18", "block", false), 8)
		before := flatParams(h)
		tr := trainer(t, h, TrainOptions{Batch: 8, Threads: threads, Clip: 1})
		var losses []float64
		for range 8 {
			losses = append(losses, steps(t, tr, x, labels, 3e-3)...)
		}
		if !(losses[7] < losses[0]/3) {
			t.Errorf("losses %v", losses)
		}
		after := flatParams(h)
		if first == nil {
			first = after
		}
		testkit.Compare(t, "parameters on other threads", after, first, testkit.Exact)
		if slices.Equal(before[:100], after[:100]) {
			t.Error("the body's first weights did not move")
		}
		loss, _, err := tr.Gradients(x, labels, 8)
		if err != nil {
			t.Fatal(err)
		}
		testkit.Compare(t, "loss of the logits", []float32{float32(bce(logits(t, h, x), labels))}, []float32{float32(loss)}, testkit.Close)
	}
}

// A batch in parts has the gradient of the whole, also through a body.
func TestBodyAccumulates(t *testing.T) {
	h, x, labels := onBody(t, smallBody(t, "vgg16", "stage", false), 7)
	var whole []float32
	for _, parts := range []int{1, 3} {
		_, grads, err := trainer(t, h, TrainOptions{Batch: 7, Accumulate: parts}).Gradients(x, labels, 7)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(grads...)
		if whole == nil {
			whole = all
		}
		testkit.Compare(t, "gradient", all, whole, testkit.Close)
	}
}

// What a batch norm knows of its training images never moves, whether its scale
// and bias learn or not; nor does any weight before the body.
func TestStatisticsStay(t *testing.T) {
	for _, norms := range []bool{false, true} {
		b := smallBody(t, "resnet18", "block", norms)
		file := map[string][]byte{}
		for name, w := range b.spec.Model.Weights {
			file[name] = bytes.Clone(w.Raw)
		}
		h, x, labels := onBody(t, b, 8)
		tr := trainer(t, h, TrainOptions{Batch: 8})
		for range 3 {
			steps(t, tr, x, labels, 1e-2)
		}
		learned, kinds := b.Weights(), map[string]int{}
		for _, n := range b.spec.Model.Cut(b.spec.To).Nodes {
			for i, name := range n.Inputs {
				if w := learned[name]; w != nil && !bytes.Equal(w.Raw, file[name]) {
					kinds[n.Op]++
					if n.Op == "BatchNormalization" && i > 2 {
						t.Errorf("statistics %s of %s learn", name, n.Name)
					}
				}
			}
		}
		if kinds["Conv"] != 5 || (kinds["BatchNormalization"] == 10) != norms || len(learned) != len(b.params) {
			t.Errorf("norms %v: learned %v", norms, kinds)
		}
		for name, w := range b.spec.Model.Weights {
			if !bytes.Equal(w.Raw, file[name]) {
				t.Errorf("weight %s of the file has changed", name)
			}
		}
		if err := b.Reset(); err != nil {
			t.Fatal(err)
		}
		for name, w := range b.Weights() {
			if !bytes.Equal(w.Raw, file[name]) {
				t.Errorf("weight %s is not the file's after Reset", name)
			}
		}
	}
}

// What cannot be trained is refused with its reason.
func TestBodyRefuses(t *testing.T) {
	s := smallSpec(t, "resnet18", "block")
	for _, c := range []struct {
		change func(*BodySpec)
		want   string
	}{
		{func(s *BodySpec) { s.From = "nowhere" }, "nowhere"},
		{func(s *BodySpec) { s.From = s.To; s.Shape = []int{128, 2, 2} }, "can learn"},
		{func(s *BodySpec) { s.Shape = []int{3, 8, 8} }, "input channels"},
	} {
		bad := s
		c.change(&bad)
		if _, err := NewBody(bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, wants %q", err, c.want)
		}
	}
	if _, err := build(t, Spec{Input: []int{7}}).On(newBody(t, s)); err == nil {
		t.Error("a head of another size stands on the body")
	}
}

// One step of the last stage of ResNet50 with a head, at 160×160 pixels.
func BenchmarkBodyStep(b *testing.B) {
	h, x, labels := onBody(b, resnetStage(b, 5, "mean+max"), 32)
	tr := trainer(b, h, TrainOptions{Batch: 32})
	for b.Loop() {
		if _, err := tr.Step(x, labels, 32, 1e-4); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(32*b.N)/b.Elapsed().Seconds(), "images/s")
}

// bce is the mean binary cross-entropy of logits.
func bce(z []float32, labels []int) (sum float64) {
	for i, v := range z {
		y := float64(2*labels[i] - 1)
		sum += math.Log1p(math.Exp(-y*float64(v))) / float64(len(z))
	}
	return sum
}
