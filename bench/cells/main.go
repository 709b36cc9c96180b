// Command cells measures tl on labelled images and prints Markdown tables: the
// figures in README.md and docs/accuracy.md come from it.
//
//	go run ./bench/cells --data ../shared/data/cells --backbone ../shared/data/weights/resnet50.onnx cuts
//	go run ./bench/cells --data ../shared/data/cells --backbone ../shared/data/weights/resnet50.onnx --first-seed 3 seeds
//	go run ./bench/cells --data ../shared/data/cells --backbone ../shared/data/weights/resnet50.onnx --size 128 precisions
//	go run ./bench/cells --data ../shared/data/cells --backbone ../shared/data/weights/resnet50.onnx --first-seed 10 folds
//
// cuts compares cuts, sizes, heads and penalties of one backbone, for choosing
// defaults by the AUC of the validation patients. seeds runs those defaults and
// the baseline CNN, and should be given another --first-seed than the choice was
// made with. precisions trains --head gap on features in f32, bf16 and
// int8. Every row is the mean over --seeds splits by patient ± the standard
// deviation between them; the same seeds give the same patients in every row.
//
// folds tests every patient once: it divides the patients into --folds parts,
// tests a head on each part that learned from the others, and measures all
// their answers together. Its rows are the mean over --seeds such divisions.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/tlkit/tl/finetune"
)

var (
	data     = flag.String("data", "../shared/data/cells", "folder of labelled images")
	backbone = flag.String("backbone", "../shared/data/weights/resnet50.onnx", "ONNX file")
	seeds    = flag.Int("seeds", 3, "splits by patient")
	first    = flag.Int("first-seed", 0, "seed of the first split")
	cacheDir = flag.String("cache-dir", "", "folder of cached features")
	size     = flag.Int("size", 0, "side of the images of precisions in pixels; 0 is the default of tl finetune")
	folds    = flag.Int("folds", 10, "parts that folds divides the patients into")
	only     = flag.String("only", "", "rows whose name contains this")
)

// row is one way to train, measured over the seeds.
type row struct {
	name    string
	options finetune.Options
}

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	t, ok := map[string]table{
		"cuts": {cuts, single, figures}, "seeds": {defaults, single, figures},
		"precisions": {precisions, single, append(losses, figures...)}, "folds": {everyPatient, crossValidated, pooled},
	}[flag.Arg(0)]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: cells [flags] cuts|seeds|precisions|folds")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err := t.measure(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cells:", err)
		os.Exit(1)
	}
}

// defaults are the evidence of the README: no option but the backbone.
func defaults() []row {
	return []row{
		{"default head", finetune.Options{Backbone: *backbone}},
		{"the same at 128 pixels", finetune.Options{Backbone: *backbone, Size: 128}},
		{"baseline CNN", finetune.Options{Model: "baseline"}},
	}
}

// precisions are what features in a low precision cost and save.
func precisions() []row {
	var out []row
	for _, p := range []string{"f32", "bf16", "int8"} {
		out = append(out, row{"head gap, " + p, finetune.Options{Backbone: *backbone, Size: *size, Head: "gap", Precision: p}})
	}
	return out
}

// cuts are what docs/accuracy.md chooses the defaults from.
func cuts() []row {
	var out []row
	add := func(name string, o finetune.Options) {
		o.Backbone = *backbone
		if o.Head == "" {
			o.Head = "gap"
		}
		if o.L2 == 0 {
			o.L2 = -1 // none: the penalty has rows of its own
		}
		out = append(out, row{name, o})
	}
	for _, cut := range []string{"stage1", "stage2", "stage3", "stage4"} {
		add(cut+" 128 gap", finetune.Options{Cut: cut, Size: 128})
	}
	for _, size := range []int{64, 96, 160, 224} {
		add(fmt.Sprintf("stage3 %d gap", size), finetune.Options{Cut: "stage3", Size: size})
	}
	for _, cut := range []string{"stage3", "stage4"} {
		add(cut+" 128 flat", finetune.Options{Cut: cut, Size: 128, Head: "flat"})
	}
	stage3 := finetune.Options{Cut: "stage3", Size: 128}
	for _, v := range []struct {
		name string
		set  func(*finetune.Options)
	}{
		{"no standardising", func(o *finetune.Options) { o.Standardise = "off" }},
		{"l2 1e-4", func(o *finetune.Options) { o.L2 = 1e-4 }},
		{"l2 1e-3", func(o *finetune.Options) { o.L2 = 1e-3 }},
		{"l2 1e-2", func(o *finetune.Options) { o.L2 = 1e-2 }},
		{"l2 3e-2", func(o *finetune.Options) { o.L2 = 3e-2 }},
		{"l2 1e-1", func(o *finetune.Options) { o.L2 = 1e-1 }},
		{"avgmax, l2 1e-2", func(o *finetune.Options) { o.Head, o.L2 = "avgmax", 1e-2 }},
		{"avgmax, l2 3e-2", func(o *finetune.Options) { o.Head, o.L2 = "avgmax", 3e-2 }},
		{"avgmax, l2 1e-1", func(o *finetune.Options) { o.Head, o.L2 = "avgmax", 1e-1 }},
		{"hidden 256, l2 1e-2", func(o *finetune.Options) { o.Hidden, o.Dropout, o.L2 = 256, 0.5, 1e-2 }},
		{"hidden 128", func(o *finetune.Options) { o.Hidden, o.Dropout = 128, 0.5 }},
		{"monitor auc", func(o *finetune.Options) { o.Monitor = "auc" }},
		{"constant rate", func(o *finetune.Options) { o.Schedule = "constant" }},
		{"rate 3e-3", func(o *finetune.Options) { o.LearningRate = 3e-3 }},
		{"rate 3e-4", func(o *finetune.Options) { o.LearningRate = 3e-4 }},
		{"threshold 0.5", func(o *finetune.Options) { o.Threshold = "0.5" }},
		{"threshold youden", func(o *finetune.Options) { o.Threshold = "youden" }},
	} {
		o := stage3
		v.set(&o)
		add("stage3 128 gap, "+v.name, o)
	}
	return out
}
