// Command cells measures tl on labelled images and prints Markdown tables: the
// figures in README.md and docs/accuracy.md come from it.
//
//	go run ./bench/cells --data ../shared/data/cells --backbone ../shared/data/weights/resnet50.onnx cuts
//	go run ./bench/cells --data ../shared/data/cells --backbone ../shared/data/weights/resnet50.onnx --first-seed 3 seeds
//
// cuts compares cuts, sizes, heads and penalties of one backbone, for choosing
// defaults by the AUC of the validation patients. seeds runs those defaults and the baseline CNN, and should be given
// another --first-seed than the choice was made with. Every row is the mean over
// --seeds splits by patient ± the standard deviation between them; the same
// seeds give the same patients in every row.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/tlkit/tl/finetune"
)

var (
	data     = flag.String("data", "../shared/data/cells", "folder of labelled images")
	backbone = flag.String("backbone", "../shared/data/weights/resnet50.onnx", "ONNX file")
	seeds    = flag.Int("seeds", 3, "splits by patient")
	first    = flag.Int("first-seed", 0, "seed of the first split")
	cacheDir = flag.String("cache-dir", "", "folder of cached features")
	only     = flag.String("only", "", "rows whose name contains this")
)

// row is one way to train, measured over the seeds.
type row struct {
	name    string
	options finetune.Options
}

// column is one figure of an outcome.
type column struct {
	name string
	of   func(*finetune.Outcome) float64
}

var columns = []column{
	{"validation AUC", func(o *finetune.Outcome) float64 { return o.Val.Metrics.AUC.Value }},
	{"accuracy", func(o *finetune.Outcome) float64 { return o.Test.Metrics.Accuracy.Value }},
	{"AUC", func(o *finetune.Outcome) float64 { return o.Test.Metrics.AUC.Value }},
	{"sensitivity", func(o *finetune.Outcome) float64 { return o.Test.Metrics.Sensitivity.Value }},
	{"specificity", func(o *finetune.Outcome) float64 { return o.Test.Metrics.Specificity.Value }},
	{"epochs", func(o *finetune.Outcome) float64 { return float64(o.BestEpoch) }},
	{"extract s", func(o *finetune.Outcome) float64 { return o.ExtractSeconds }},
	{"train s", func(o *finetune.Outcome) float64 { return o.TrainSeconds }},
	{"peak MiB", func(o *finetune.Outcome) float64 { return float64(o.PeakMemory) / (1 << 20) }},
}

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rows, ok := map[string]func() []row{"cuts": cuts, "seeds": defaults}[flag.Arg(0)]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: cells [flags] cuts|seeds")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err := measure(ctx, rows()); err != nil {
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

// cuts are what docs/accuracy.md chooses the defaults from.
func cuts() []row {
	var out []row
	add := func(name string, o finetune.Options) {
		o.Backbone = *backbone
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

// measure runs every row over the seeds and prints mean ± standard deviation.
func measure(ctx context.Context, rows []row) error {
	runs, err := os.MkdirTemp("", "tl-cells-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(runs)
	head := "| |"
	for _, c := range columns {
		head += " " + c.name + " |"
	}
	fmt.Println(head + "\n|---|" + strings.Repeat("---|", len(columns)))
	for i, r := range rows {
		if !strings.Contains(r.name, *only) {
			continue
		}
		var outs []*finetune.Outcome
		for seed := *first; seed < *first+*seeds; seed++ {
			o := r.options
			o.Data = finetune.DataOptions{Path: *data, Seed: uint64(seed)}
			o.Seed, o.CacheDir, o.Runs, o.Name = uint64(seed), *cacheDir, runs, fmt.Sprintf("%d-%d", i, seed)
			out, err := finetune.Run(ctx, o, finetune.Silent{})
			if err != nil {
				return fmt.Errorf("%s, seed %d: %w", r.name, seed, err)
			}
			outs = append(outs, out)
			os.RemoveAll(filepath.Join(runs, o.Name))
		}
		fmt.Println(line(r.name, outs))
	}
	return nil
}

// line is one row of the table.
func line(name string, outs []*finetune.Outcome) string {
	s := "| " + name + " |"
	for _, c := range columns {
		x := make([]float64, len(outs))
		for i, o := range outs {
			x[i] = c.of(o)
		}
		mean, sd := stat.MeanStdDev(x, nil)
		switch {
		case mean > 1:
			s += fmt.Sprintf(" %.0f |", mean)
		case math.IsNaN(sd):
			s += fmt.Sprintf(" %.4f |", mean)
		default:
			s += fmt.Sprintf(" %.4f ± %.4f |", mean, sd)
		}
	}
	return s
}
