package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// The demo's settings keep it under two minutes on two cores. Of stage1 to
// stage4, 64 to 96 pixels, pooled and flat, with and without a hidden layer,
// these learned best from the random weights of a seeded ResNet50: deep stages
// of random weights lose what the cells look like.
const (
	demoCells  = 1500
	demoSize   = 80 // pixels
	demoCut    = "stage2"
	demoHidden = 64
)

func demoCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "the whole job in two minutes, offline, on generated cells",
		Description: "Makes generated cells, takes a ResNet50 (the real one where `tl weights pull resnet50` put it,\n" +
			"else one with random weights from a seed), trains a head, evaluates, exports and predicts.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Usage: "`FOLDER` for everything that the demo makes", Value: "tl-demo"},
			&cli.StringFlag{Name: "backbone", Usage: "a real pretrained network, `FILE` or name, instead (with --download fetched)"},
			&cli.BoolFlag{Name: "download", Usage: "fetch the named backbone if it is not here"},
			weightsDirFlag(""),
			&cli.IntFlag{Name: "cells", Usage: "`N` generated cells", Value: demoCells},
			threadsFlag(""),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			d := demo{c: c, v: v, dir: c.String("dir")}
			return d.run()
		},
	}
}

type demo struct {
	c    *cli.Context
	v    *voice
	dir  string
	real bool // the backbone's weights are pretrained
}

// run goes through the whole job.
func (d *demo) run() error {
	backbone, err := d.backbone()
	if err != nil {
		return err
	}
	cells, err := d.cells()
	if err != nil {
		return err
	}
	o := finetune.Options{
		Data: finetune.DataOptions{Path: cells}, Backbone: backbone, Size: demoSize,
		Runs: filepath.Join(d.dir, "runs"), CacheDir: filepath.Join(d.dir, "features"), WeightsDir: d.c.String("weights-dir"),
		Threads: d.c.Int("threads"),
	}
	if !d.real {
		o.Preprocess, o.Cut, o.Hidden = "torch", demoCut, demoHidden
	}
	d.v.Note("\n3. tl finetune: frozen backbone, new head, patients kept apart")
	out, err := finetune.Run(d.c.Context, o, d.v)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.c.App.Writer, out.Summary())
	if err := d.predict(out, cells); err != nil {
		return err
	}
	d.words(out)
	return nil
}

// cells makes the generated cells, once.
func (d *demo) cells() (string, error) {
	cells := filepath.Join(d.dir, "cells")
	if _, err := os.Stat(cells); err == nil {
		d.v.Note("2. generated cells: " + cells + " is there already")
		return cells, nil
	}
	d.v.Note(fmt.Sprintf("2. tl data make: %d GENERATED cells in %s; no patient ever gave them", d.c.Int("cells"), cells))
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return "", err
	}
	return cells, dataset.Make(cells, dataset.MakeOptions{Count: d.c.Int("cells"), Seed: 1})
}

// backbone returns the asked-for or cached real network, else a seeded one.
func (d *demo) backbone() (string, error) {
	name := d.c.String("backbone")
	if name != "" {
		d.real = true
		d.v.Note("1. backbone: " + name)
		if err := fetch(d.c, d.v, name); err != nil {
			return "", err
		}
		return name, present(d.c, name)
	}
	if path, _, err := weights.Locate("resnet50", d.c.String("weights-dir")); err == nil {
		d.real = true
		d.v.Note("1. backbone: the pretrained ResNet50 in " + path)
		return path, nil
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(d.dir, "seeded-resnet50.onnx")
	d.v.Note("1. tl weights make: a ResNet50 with RANDOM weights from a seed, as none is here; it has learned nothing")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	m, err := weights.Seeded("resnet50", weights.SeededOptions{Seed: 1})
	if err != nil {
		return "", err
	}
	return path, onnx.WriteFile(path, m)
}

// someOf returns up to four test images of each class of a run.
func someOf(split, cells string) ([]string, error) {
	set, err := dataset.LoadManifest(split, cells)
	if err != nil {
		return nil, err
	}
	var out []string
	for class := range set.Classes {
		test := slices.DeleteFunc(set.Indices(dataset.Test), func(i int) bool { return set.Items[i].Class != class })
		for k := range min(4, len(test)) {
			it := set.Items[test[k*len(test)/min(4, len(test))]]
			out = append(out, filepath.Join(cells, filepath.FromSlash(it.Path)))
		}
	}
	return out, nil
}

// predict shows a few answers of the exported file.
func (d *demo) predict(out *finetune.Outcome, cells string) error {
	d.v.Note("\n4. tl predict: the exported file alone, on cells of patients that it has not seen")
	few, err := someOf(filepath.Join(out.Folder, "split.csv"), cells)
	if err != nil {
		return err
	}
	m, err := finetune.OpenModel(filepath.Join(out.Folder, "model.onnx"), d.c.Int("threads"))
	if err != nil {
		return err
	}
	defer m.Close()
	answers, err := predictAll(d.c, d.v, m, few, nil)
	if err != nil {
		return err
	}
	return printTable(d.c.App.Writer, answers)
}

// words says what was real, what was not, and what to type next.
func (d *demo) words(out *finetune.Outcome) {
	weights, more := "pretrained", ""
	if !d.real {
		weights = "RANDOM, from a seed: it has seen no image before"
		more = "\n  tl demo --backbone resnet50 --download     the same with real weights (103 MB)"
	}
	d.v.Note(fmt.Sprintf("\nGenerated: the cells. The figures say nothing about malaria.\n"+
		"The backbone's weights: %s.\n"+
		"Real: the split by patient, the training, the evaluation, the exported file.\n\n"+
		"Look at %s; %s runs in any ONNX runtime.\nNext:%s\n"+
		"  tl finetune --backbone FILE.onnx --data FOLDER   your own images\n"+
		"  tl compare --backbone FILE.onnx --data FOLDER    against a CNN from scratch",
		weights, filepath.Join(out.Folder, "report.md"), filepath.Join(out.Folder, "model.onnx"), more))
}
