package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/bench/peer"
	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

const (
	batch    = 32   // images a step
	seed     = 1    // of untrained weights, and of the order of images
	rate     = 1e-3 // learning rate of what is new
	bodyRate = 0.1  // that of the unfrozen part, as a multiple
)

// row is one kind of work.
type row struct {
	name  string
	what  string // in words
	net   string // "baseline", "resnet50" or "vgg16"
	size  int    // pixels a side; 0: -size
	count int    // images of an epoch, without -images
	whole bool   // from files to an exported model
}

// allRows is every row; their order is that of the report.
var allRows = []row{
	{name: "baseline-64", what: "epoch of the baseline CNN at 64×64", net: "baseline", size: 64, count: 1600},
	{name: "baseline-128", what: "epoch of the baseline CNN at 128×128", net: "baseline", size: 128, count: 800},
	{name: "resnet50", what: "epoch of ResNet50's last stage on cached features", net: "resnet50", count: 320},
	{name: "vgg16", what: "epoch of VGG16's block 5 on cached features", net: "vgg16", count: 320},
	{name: "finetune", what: "whole finetune, PNG files to exported model", net: "resnet50", size: 160, whole: true},
}

func rowNames() (names []string) {
	for _, r := range allRows {
		names = append(names, r.name)
	}
	return names
}

// chosenRows are those of a list, in the order of allRows.
func chosenRows(names string) (chosen []row, err error) {
	wanted := peer.List(names)
	for _, name := range wanted {
		if !slices.Contains(rowNames(), name) {
			return nil, fmt.Errorf("-rows %s: no %q, want some of %s", names, name, strings.Join(rowNames(), ","))
		}
	}
	for _, r := range allRows {
		if slices.Contains(wanted, r.name) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-rows %q: nothing to measure, want some of %s", names, strings.Join(rowNames(), ","))
	}
	return chosen, nil
}

// load tells a contender what to train.
type load struct {
	Net      string  `json:"net"`
	Backbone string  `json:"backbone"` // ONNX file; "" for the baseline
	Cut      string  `json:"cut"`      // where the trained part ends
	From     string  `json:"from"`     // and where it begins
	Size     int     `json:"size"`     // pixels a side
	Threads  int     `json:"threads"`
	Batch    int     `json:"batch"`
	Rate     float64 `json:"rate"`
	BodyRate float64 `json:"body_rate"`         // learning rate of the backbone's part
	Profile  string  `json:"profile,omitempty"` // file for a profile of tl's last turn

	Items  string `json:"items"`  // NumPy file (N,C,H,W): pixels 0…1, or features
	Labels string `json:"labels"` // NumPy file (N): 0 or 1
	Params string `json:"params"` // folder of what is new to begin with: NAME.npy, "/" as "."

	Whole *whole `json:"whole,omitempty"` // instead of Items
}

// network makes the network of l: the baseline, or a head on the unfrozen part
// of l's backbone, which stays open until close.
func (l load) network(dropout bool) (h *heads.Head, close func(), err error) {
	if l.Net == "baseline" {
		s := heads.Spec{Model: heads.ModelBaseline, Input: []int{3, l.Size, l.Size}, Seed: seed, Dropout: -1}
		if h, err = heads.New(s); err != nil || !dropout {
			return h, func() {}, err
		}
		plain := h // initial weights depend on the list of layers: both begin with those of this one
		s.Dropout = 0
		if h, err = heads.New(s); err != nil {
			return nil, nil, err
		}
		for i, p := range h.Params() {
			copy(p.Data, plain.Params()[i].Data)
		}
		return h, func() {}, nil
	}
	b, err := l.open(1)
	if err != nil {
		return nil, nil, err
	}
	if h, err = onBody(b.Part()); err != nil {
		b.Close()
		return nil, nil, err
	}
	return h, func() { b.Close() }, nil
}

// onBody is a new Dense layer on the unfrozen part.
func onBody(p *backbones.Part) (*heads.Head, error) {
	body, err := heads.NewBody(heads.BodySpec{Model: p.Model, From: p.From, Shape: p.Shape, To: p.To, Pool: p.Pool})
	if err != nil {
		return nil, err
	}
	h, err := heads.New(heads.Spec{Input: body.OutputShape(), Seed: seed})
	if err != nil {
		return nil, err
	}
	return h.On(body)
}

// open opens l's backbone, frozen up to From.
func (l load) open(batch int) (*backbones.Backbone, error) {
	return backbones.Open(l.Backbone, backbones.Options{
		Cut: l.Cut, UnfreezeFrom: l.From, Size: l.Size, Pool: backbones.PoolMeanMax, Batch: batch, Threads: l.Threads,
	})
}

// prepare writes a row's files to dir.
func (r row) prepare(ctx context.Context, f flags, dir string) (load, error) {
	l := load{Net: r.net, Size: r.size, Threads: f.threads, Batch: batch, Rate: rate, BodyRate: rate * bodyRate,
		Items: filepath.Join(dir, "items.npy"), Labels: filepath.Join(dir, "labels.npy"), Params: dir}
	if l.Size == 0 {
		l.Size = f.size
	}
	if f.profile != "" {
		l.Profile = filepath.Join(f.profile, r.name+".pprof")
	}
	switch r.net {
	case "resnet50":
		l.Backbone, l.Cut, l.From = f.resnet50, "stage4", "stage3"
	case "vgg16":
		l.Backbone, l.Cut, l.From = filepath.Join(dir, "vgg16.onnx"), "block5_pool.out", "block4_pool.out"
		if err := writeVGG16(l.Backbone); err != nil {
			return l, err
		}
	}
	if err := l.writeItems(ctx, f.data, r.count); err != nil {
		return l, err
	}
	return l, l.writeParams()
}

// writeVGG16 writes a seeded VGG16. Its classifier, which nobody runs, is that
// of images of 32 pixels.
func writeVGG16(path string) error {
	m, err := weights.Seeded("vgg16", weights.SeededOptions{Seed: seed, Size: 32, Classes: 2})
	if err != nil {
		return err
	}
	return onnx.WriteFile(path, m)
}

// writeParams writes what is new: all of the baseline, the layer on a body.
func (l load) writeParams() error {
	h, done, err := l.network(true)
	if err != nil {
		return err
	}
	defer done()
	for _, p := range h.Params() {
		if p.Group != heads.GroupHead {
			continue
		}
		path := filepath.Join(l.Params, strings.ReplaceAll(p.Name, "/", ".")+".npy")
		if err := peer.WriteNPY(path, tensor.Of(p.Data, p.Shape...)); err != nil {
			return err
		}
	}
	return nil
}

// writeItems writes count images, as the network is fed with them, and their
// labels.
func (l load) writeItems(ctx context.Context, data string, count int) error {
	d, _, err := dataset.Scan(ctx, data, dataset.ScanOptions{})
	if err != nil {
		return fmt.Errorf("%w; say where labelled images are: -data FOLDER (tl data make makes some)", err)
	}
	images, err := spread(len(d.Items), count)
	if err != nil {
		return fmt.Errorf("%s: %w", data, err)
	}
	compute, shape, done, err := l.input()
	if err != nil {
		return err
	}
	defer done()
	items, labels := tensor.New(append([]int{count}, shape...)...), tensor.New(count)
	row, at := tensor.Shape(shape).Size(), 0
	for b, err := range d.Batches(ctx, dataset.BatchOptions{Batch: batch, Size: l.Size, Indices: images}) {
		if err != nil {
			return err
		}
		n := len(b.Indices)
		if err := compute(ctx, items.Data[at*row:][:n*row], b.Pixels, n); err != nil {
			return err
		}
		for _, i := range b.Indices {
			labels.Data[at] = float32(min(1, d.Items[i].Class))
			at++
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := peer.WriteNPY(l.Items, items); err != nil {
		return err
	}
	return peer.WriteNPY(l.Labels, labels)
}

// input is what makes of pixels what the network is fed with, and the shape of
// one item.
func (l load) input() (compute func(ctx context.Context, dst, pixels []float32, n int) error, shape []int, done func(), err error) {
	if l.Net == "baseline" {
		compute = func(_ context.Context, dst, pixels []float32, n int) error {
			for i := range dst {
				dst[i] = pixels[i] / 255
			}
			return nil
		}
		return compute, []int{3, l.Size, l.Size}, func() {}, nil
	}
	b, err := l.open(batch)
	if err != nil {
		return nil, nil, nil, err
	}
	return b.Features, b.FeatureShape(), func() { b.Close() }, nil
}

// spread is count of n indices at equal distances, in an order that mixes the
// classes: images come sorted by class.
func spread(n, count int) ([]int, error) {
	if count > n {
		return nil, fmt.Errorf("%d images are wanted, there are %d: want fewer -images, or more -data", count, n)
	}
	out := make([]int, count)
	for i := range out {
		half := i % 2 * (n / 2)
		out[i] = half + i/2*(n/2)/((count+1)/2)
	}
	return out, nil
}

// copyImages copies count images of a folder of class folders to dir/cells.
func copyImages(data, dir string, count int) (string, error) {
	files, err := filepath.Glob(filepath.Join(data, "*", "*.png"))
	if err != nil {
		return "", err
	}
	images, err := spread(len(files), count)
	if err != nil {
		return "", fmt.Errorf("%s: %w", data, err)
	}
	to := filepath.Join(dir, "cells")
	for _, i := range images {
		b, err := os.ReadFile(files[i])
		if err != nil {
			return "", err
		}
		path := filepath.Join(to, filepath.Base(filepath.Dir(files[i])), filepath.Base(files[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return "", err
		}
	}
	return to, nil
}
