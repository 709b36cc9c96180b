package finetune

import (
	"math"
	"testing"

	"github.com/tlkit/tl/heads"
)

// Options out of range are refused before anything is read, by name.
func TestOptionsRefused(t *testing.T) {
	good := Options{Data: DataOptions{Path: "cells"}, Backbone: "net.onnx"}
	if _, err := good.Resolved(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*Options)
		want   []string
	}{
		{func(o *Options) { o.Data.Path = "" }, []string{"no data", "--data"}},
		{func(o *Options) { o.Backbone = "" }, []string{"no backbone", "--backbone", "--model baseline"}},
		{func(o *Options) { o.Model = "heads" }, []string{"--model heads", "head, baseline"}},
		{func(o *Options) { o.Cache = "f64" }, []string{"--cache f64", "f16, f32"}},
		{func(o *Options) { o.Head = "pool" }, []string{"--head pool", "gap, avgmax, flat"}},
		{func(o *Options) { o.Standardise = "on" }, []string{"--standardise on"}},
		{func(o *Options) { o.Schedule = "step" }, []string{"--schedule step", "cosine, constant"}},
		{func(o *Options) { o.Optimiser = "lamb" }, []string{"--optimiser lamb", "adam, adamw, sgd"}},
		{func(o *Options) { o.ClassWeight = "1,2" }, []string{"--class-weight 1,2"}},
		{func(o *Options) { o.Monitor = "f1" }, []string{"--monitor f1", "loss, auc, accuracy"}},
		{func(o *Options) { o.Threshold = "best" }, []string{"--threshold", "best", "max-f1"}},
		{func(o *Options) { o.Threshold = "1.5" }, []string{"--threshold", "1.5"}},
		{func(o *Options) { o.Threshold = "sensitivity=2" }, []string{"--threshold", "sensitivity=2"}},
		{func(o *Options) { o.Size = 7 }, []string{"--size 7", "from 8 to 2048"}},
		{func(o *Options) { o.Size = 2049 }, []string{"--size 2049"}},
		{func(o *Options) { o.Hidden = -1 }, []string{"--hidden -1"}},
		{func(o *Options) { o.Dropout = 1 }, []string{"--dropout 1"}},
		{func(o *Options) { o.Epochs = -1 }, []string{"--epochs -1", "from 1"}},
		{func(o *Options) { o.Batch = -4 }, []string{"--batch -4"}},
		{func(o *Options) { o.LearningRate = -1e-3 }, []string{"--lr -0.001"}},
		{func(o *Options) { o.LearningRate = math.NaN() }, []string{"--lr NaN"}},
		{func(o *Options) { o.LearningRate = math.Inf(1) }, []string{"--lr +Inf"}},
		{func(o *Options) { o.Warmup = -1 }, []string{"--warmup -1"}},
		{func(o *Options) { o.Momentum = 1 }, []string{"--momentum 1"}},
		{func(o *Options) { o.L2 = -2 }, []string{"--l2 -2"}},
		{func(o *Options) { o.WeightDecay = -1 }, []string{"--weight-decay -1"}},
		{func(o *Options) { o.Patience = -1 }, []string{"--patience -1"}},
	} {
		o := good
		c.change(&o)
		_, err := o.Resolved()
		wantError(t, err, c.want...)
	}
}

// Options that only the data or the network can judge are errors too, before a
// run folder is made.
func TestOptionsRefusedLater(t *testing.T) {
	s := newScene(t)
	for _, c := range []struct {
		change func(*Options)
		want   []string
	}{
		{func(o *Options) { o.Cut = "stage9" }, []string{"tiny.onnx", "stage9", "stage3"}},
		{func(o *Options) { o.Preprocess = "vgg" }, []string{"vgg", "torch", "caffe"}},
		{func(o *Options) { o.Backbone = s.data + "/none.onnx" }, []string{"none.onnx"}},
		{func(o *Options) { o.Data.Path = s.data + "/none" }, []string{"none"}},
		{func(o *Options) { o.Data.Positive = "Sick" }, []string{"Sick", "Parasitized"}},
		{func(o *Options) { o.Data.Split = "magic" }, []string{"magic"}},
		{func(o *Options) { o.Data.Val, o.Data.Test = 0.7, 0.7 }, []string{"0.7"}},
		{func(o *Options) { o.Threads = -1 }, []string{"-1"}},
		{func(o *Options) { o.MaxMemory = 1 << 10 }, []string{"tiny.onnx"}},
	} {
		o := s.options("refused")
		c.change(&o)
		_, err := Run(t.Context(), o, Silent{})
		wantError(t, err, c.want...)
		if exists(s.runs + "/refused") {
			t.Fatalf("a run folder was made for %q", err)
		}
	}
}

// The defaults of head and baseline are those that the options name.
func TestDefaults(t *testing.T) {
	o := resolved(t, Options{Data: DataOptions{Path: "cells"}, Backbone: "net.onnx"})
	if o.Model != "head" || o.Head != "avgmax" || o.Size != 160 || o.Epochs != 60 || o.Batch != 64 || o.Cache != "f16" ||
		o.Optimiser != "adam" || o.Schedule != "cosine" || o.Monitor != "loss" || o.Patience != 10 || o.Data.Val != 0.15 || o.Data.Test != 0.15 {
		t.Errorf("defaults of a head: %+v", o)
	}
	if none := resolved(t, Options{Data: DataOptions{Path: "cells"}, Backbone: "net.onnx", L2: none}); o.L2 != 0.1 || orZero(none.L2) != 0 {
		t.Errorf("L2 by default %g, none %g", o.L2, none.L2)
	}
	for _, other := range []Options{{Head: "gap"}, {Head: "flat"}, {Hidden: 128}} {
		other.Data.Path, other.Backbone = "cells", "net.onnx"
		if r := resolved(t, other); r.L2 != 0.01 {
			t.Errorf("L2 of head %q with %d hidden units by default %g", r.Head, r.Hidden, r.L2)
		}
	}
	b := resolved(t, Options{Data: DataOptions{Path: "cells", Test: -1}, Model: "baseline", Backbone: "net.onnx", Cut: "stage2", Optimiser: "sgd"})
	if b.Backbone != "" || b.Cut != "" || b.Head != "" || b.Standardise != "off" || b.Size != 64 || b.Momentum != 0.9 || b.Dropout != 0.2 || b.Data.Test != -1 {
		t.Errorf("defaults of the baseline: %+v", b)
	}
}

// Resolving what is resolved changes nothing: a run that goes on has the
// settings it began with, also those that say none.
func TestResolvedTwice(t *testing.T) {
	data := DataOptions{Path: "cells"}
	for _, o := range []Options{
		{Data: data, Backbone: "net.onnx"},
		{Data: data, Backbone: "net.onnx", L2: none, Dropout: none, Momentum: none, Optimiser: "sgd"},
		{Data: data, Backbone: "net.onnx", Optimiser: "adamw", WeightDecay: 0.1},
		{Data: data, Model: "baseline"},
		{Data: data, Model: "baseline", Dropout: none, L2: none},
		{Data: DataOptions{Path: "cells", Split: "random", Val: 0.2}, Model: "baseline"},
		{Data: DataOptions{Path: "cells", Split: "keras", Test: none}, Model: "baseline"},
	} {
		once := resolved(t, o)
		if twice := resolved(t, once); twice != once {
			t.Errorf("resolved once  %+v\nresolved twice %+v", once, twice)
		}
		abs, err := once.absolute()
		if err != nil {
			t.Fatal(err)
		}
		if what := once.difference(abs); what != "" {
			t.Errorf("absolute paths count as another option: %s", what)
		}
	}
	a := resolved(t, Options{Data: data, Backbone: "net.onnx"})
	b := a
	if b.Data.Seed = 3; b.difference(a) != "data.seed was 0, is 3" {
		t.Errorf("another seed of the split is told as %q", b.difference(a))
	}
}

// Dropout 0 by word of the user is none, also where the baseline has some.
func TestNoDropout(t *testing.T) {
	o := Options{Data: DataOptions{Path: "cells"}, Model: "baseline"}
	for _, c := range []struct{ given, want float64 }{{0, 0.2}, {none, 0}, {0.5, 0.5}} {
		o.Dropout = c.given
		h, err := heads.New(headSpec(resolved(t, o), []int{3, 64, 64}, 2))
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Spec().Dropout; got != c.want {
			t.Errorf("dropout %g asked for: the network has %g, want %g", c.given, got, c.want)
		}
	}
}
