package heads

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// layerNames joins the names of a network's layers.
func layerNames(h *Head) string {
	var names []string
	for _, l := range h.Layers() {
		names = append(names, l.Name)
	}
	return strings.Join(names, " ")
}

func TestArchitectures(t *testing.T) {
	cases := []struct {
		spec   Spec
		layers string
		params int // of Keras, by hand
	}{
		{Spec{Model: "baseline", Input: []int{3, 100, 100}},
			"conv1 relu1 pool1 dropout1 conv2 relu2 pool2 dropout2 flatten dense dense_relu logits", 1086417},
		{Spec{Model: "baseline", Input: []int{3, 100, 100}, Dropout: -1, Classes: 5},
			"conv1 relu1 pool1 conv2 relu2 pool2 flatten dense dense_relu logits", 1086417 + 4*129},
		{Spec{Input: []int{512, 7, 7}}, "flatten logits", 25088 + 1},
		{Spec{Input: []int{512, 7, 7}, Head: "gap"}, "gap flatten logits", 512 + 1},
		{Spec{Input: []int{512}, Head: "gap"}, "flatten logits", 512 + 1},
		{Spec{Input: []int{2048}, Hidden: 128, Dropout: 0.5, Classes: 3, Standardise: true},
			"standardise flatten hidden hidden_relu dropout logits", 2048*128 + 128 + 128*3 + 3},
	}
	for _, c := range cases {
		h := build(t, c.spec)
		n := 0
		for _, l := range h.Layers() {
			n += l.Params
		}
		if got := layerNames(h); got != c.layers || n != c.params || n != len(flatParams(h)) {
			t.Errorf("%+v:\n got %s, %d parameters\nwant %s, %d", c.spec, got, n, c.layers, c.params)
		}
	}
	out := build(t, cases[0].spec).Layers()
	for i, want := range map[int][]int{0: {16, 98, 98}, 2: {16, 49, 49}, 4: {16, 47, 47}, 6: {16, 23, 23}, 8: {8464}, 11: {1}} {
		if got := out[i].Output; len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("layer %s gives %v, want %v", out[i].Name, got, want)
		}
	}
}

func TestSpecErrors(t *testing.T) {
	for want, s := range map[string]Spec{
		"input is ()":           {},
		"want (F) or (C,H,W)":   {Input: []int{3, 4}},
		"every axis":            {Input: []int{3, 0, 4}},
		`unknown model "cnn"`:   {Input: []int{3}, Model: "cnn"},
		`unknown head "max"`:    {Input: []int{3}, Head: "max"},
		"at least 10":           {Input: []int{3, 9, 9}, Model: "baseline"},
		"the baseline is fixed": {Input: []int{3, 20, 20}, Model: "baseline", Hidden: 5},
		"1 classes":             {Input: []int{3}, Classes: 1},
		"dropout 1":             {Input: []int{3}, Dropout: 1},
		"dropout -0.1; want":    {Input: []int{3}, Dropout: -0.1},
	} {
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", s, err, want)
		}
	}
}

func TestInitialWeights(t *testing.T) {
	s := Spec{Model: "baseline", Input: []int{3, 40, 40}, Seed: 11}
	h := build(t, s)
	testkit.Compare(t, "the same seed", flatParams(build(t, s)), flatParams(h), testkit.Exact)
	s.Seed = 12
	if e, _ := testkit.RelativeError(flatParams(build(t, s)), flatParams(h)); e < 1 {
		t.Errorf("another seed differs by %g only", e)
	}
	fans := map[string]float64{"conv1/kernel": 27 + 144, "conv2/kernel": 144 + 144, "dense/kernel": 1024 + 128, "logits/kernel": 128 + 1}
	for _, p := range h.Params() {
		limit, sum := math.Sqrt(6/fans[p.Name]), 0.0
		for _, v := range p.Data {
			sum += float64(v) * float64(v)
			if fans[p.Name] == 0 && v != 0 || math.Abs(float64(v)) > limit {
				t.Fatalf("%s holds %g", p.Name, v)
			}
		}
		if n := float64(len(p.Data)); fans[p.Name] > 0 && math.Abs(sum/n/(limit*limit/3)-1) > 4/math.Sqrt(n) {
			t.Errorf("%s: variance %g, want %g", p.Name, sum/n, limit*limit/3)
		}
	}
}

// Any number of items gives the same logits as each item alone.
func TestLogitsOfAnyNumber(t *testing.T) {
	for _, s := range []Spec{{Model: "baseline", Input: []int{3, 12, 13}, Seed: 1}, {Input: []int{6, 2, 2}, Hidden: 5, Dropout: 0.5, Classes: 3}} {
		h := build(t, s)
		x, _ := items(h, 67, 1)
		all := logits(t, h, x)
		size, k := h.InputSize(), h.Outputs()
		for _, i := range []int{0, 31, 32, 66} {
			testkit.Compare(t, s.Model, logits(t, h, x[i*size:(i+1)*size]), all[i*k:(i+1)*k], testkit.Close)
		}
		if len(logits(t, h, nil)) != 0 {
			t.Error("logits of nothing")
		}
	}
	h := build(t, Spec{Input: []int{3}})
	if err := h.Logits(context.Background(), make([]float32, 2), make([]float32, 5), 2); err == nil {
		t.Error("5 numbers for two items of 3: no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Logits(ctx, make([]float32, 1), make([]float32, 3), 1); err != context.Canceled {
		t.Errorf("cancelled: error %v", err)
	}
}

func TestNormaliserErrors(t *testing.T) {
	h := build(t, Spec{Input: []int{2}, Standardise: true})
	inf := float32(math.Inf(1))
	for _, c := range [][2][]float32{{{1}, {1}}, {{1, 2}, {1, -1}}, {{1, inf}, {1, 1}}, {{1, 2}, {1, inf}}} {
		if err := h.SetNormaliser(c[0], c[1]); err == nil {
			t.Errorf("mean %v, deviation %v: no error", c[0], c[1])
		}
	}
	if err := build(t, Spec{Input: []int{2}}).SetNormaliser(nil, nil); err == nil {
		t.Error("without Standardise: no error")
	}
}
