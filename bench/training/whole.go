package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/tensor"
)

// whole tells a contender of a whole finetune.
type whole struct {
	Data string `json:"data"` // folder of class folders
	Dir  string `json:"dir"`  // for what the run leaves

	// Of tl's run, for torch to repeat:
	Epochs int `json:"epochs"` // that it trained
	Plain  int `json:"plain"`  // of those, the ones that the plain recipe computes
}

// runs is the folder of tl's runs; each turn's is named run.
func (w whole) runs() string { return filepath.Join(w.Dir, "runs") }

// options are the defaults of tl finetune.
func (w whole) options(l load) finetune.Options {
	return finetune.Options{
		Data: finetune.DataOptions{Path: w.Data}, Backbone: l.Backbone, Threads: l.Threads,
		CacheDir: filepath.Join(w.Dir, "cache"), Runs: w.runs(), Name: "run",
	}
}

// finetune is a run from files to an exported model, without cached features.
// It returns the number of images and leaves its folder.
func (p *tl) finetune(ctx context.Context) (images int, err error) {
	o := p.load.Whole.options(p.load)
	for _, dir := range []string{o.CacheDir, o.Runs} { // of the turn before
		if err := os.RemoveAll(dir); err != nil {
			return 0, err
		}
	}
	if p.outcome, err = finetune.Run(ctx, o, finetune.Silent{}); err != nil {
		return 0, err
	}
	d, err := dataset.LoadManifest(filepath.Join(p.outcome.Folder, "split.csv"), p.load.Whole.Data)
	if err != nil {
		return 0, err
	}
	p.images = len(d.Items)
	return p.images, nil
}

// came is what the run came to: epochs, AUC of the test images, and images.
func (p *tl) came() *tensor.Tensor {
	return tensor.Of([]float32{float32(p.outcome.Epochs), float32(p.outcome.Test.Metrics.AUC.Value), float32(p.images)}, 3)
}
