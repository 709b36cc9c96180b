package finetune

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/internal/augment"
	"github.com/tlkit/tl/internal/metrics"
)

// Options says what to run. Its zero value, with Data.Path and Backbone set,
// trains with the defaults that each field names.
type Options struct {
	Data DataOptions `json:"data"`

	Model        string `json:"model"`         // "head" on a frozen backbone (default) or "baseline": a CNN from scratch
	Backbone     string `json:"backbone"`      // a name such as "resnet50", or an ONNX file
	Cut          string `json:"cut"`           // where the backbone ends: a named cut, a value, "" for the card's default
	Unfreeze     int    `json:"unfreeze"`      // the last blocks before the cut that learn too, once the head has; 0 is none
	UnfreezeFrom string `json:"unfreeze_from"` // instead: a named cut or a value from which on all learns
	Preprocess   string `json:"preprocess"`    // torch, caffe, tf, rescale, none; "" when the card knows it
	Size         int    `json:"size"`          // side of the square image in pixels; 0: 160, baseline 64
	Cache        string `json:"cache"`         // element type of cached features: "f16" (default) or "f32"
	Precision    string `json:"precision"`     // of the frozen part: "f32" (default), "bf16" or "int8"; a new run on a processor that lacks it takes f32
	CacheDir     string `json:"-"`             // where features are kept; "" is the user's cache folder
	WeightsDir   string `json:"-"`             // where named weights are kept; "" is the user's cache folder

	Augment       string `json:"augment"`        // how training images are varied: "cells", or a list as augment.Words says; "" is not at all
	AugmentCopies int    `json:"augment_copies"` // variants of each training image whose features are cached; 0 is 4; the baseline varies anew in each epoch

	Mixup float64 `json:"mixup"` // items are mixed in pairs of each batch by shares from Beta(Mixup, Mixup): images of the baseline, features of a backbone; 0 is none

	Head        string  `json:"head"`        // "avgmax" (default) takes the mean and the maximum of each channel of the feature map, "gap" the mean, "flat" all of it; then Flatten → Dense
	Hidden      int     `json:"hidden"`      // units of a hidden Dense+ReLU layer; 0 is none
	Dropout     float64 `json:"dropout"`     // share of units dropped in training; 0 is none, baseline 0.2; -1 is none
	Standardise string  `json:"standardise"` // "auto" (default): scale each channel by the training set's mean and deviation; "off"

	Epochs         int     `json:"epochs"`          // at most; 0 is 60, baseline 25
	Batch          int     `json:"batch"`           // images a step; 0 is 64, baseline 32
	LearningRate   float64 `json:"learning_rate"`   // 0 is 1e-3
	UnfreezeEpochs int     `json:"unfreeze_epochs"` // of head and unfrozen part together, at most; 0 is 8
	BackboneLR     float64 `json:"backbone_lr"`     // learning rate of the unfrozen part; 0 is LearningRate; the head has a tenth of that by then
	TrainNorms     bool    `json:"train_norms"`     // scale and bias of its batch norms learn too; their statistics never do
	Clip           float64 `json:"clip"`            // largest L2 norm of a step's gradient; 0 is 1 for the unfrozen part, else none; -1 is none
	EMA            float64 `json:"ema"`             // decay of a moving average of the weights, which is then what is kept; 0 is 0.99 with an unfrozen part, else none; -1 is none
	Accumulate     int     `json:"accumulate"`      // parts that a batch is computed in, to save memory; 0 is 1
	Schedule       string  `json:"schedule"`        // "cosine" (default) or "constant"
	Warmup         float64 `json:"warmup"`          // epochs of linear warm-up
	Optimiser      string  `json:"optimiser"`       // "adam" (default), "adamw" or "sgd"
	Momentum       float64 `json:"momentum"`        // of sgd; 0 is 0.9, -1 is none
	L2             float64 `json:"l2"`              // weight penalty added to the gradient, not on biases; 0 is 0.1 for avgmax without a hidden layer and 0.01 for other heads, unless adamw decays it; -1 is none
	WeightDecay    float64 `json:"weight_decay"`    // decoupled, of adamw
	ClassWeight    string  `json:"class_weight"`    // "none" (default) or "auto": inverse to the class counts
	Monitor        string  `json:"monitor"`         // validation "loss" (default), "auc" or "accuracy"
	Patience       int     `json:"patience"`        // epochs without a better monitor before stopping; 0 is 10
	Threshold      string  `json:"threshold"`       // "0.5", "max-f1" (default), "youden", "sensitivity=0.95", …

	Seed      uint64 `json:"seed"`
	Threads   int    `json:"-"`          // 0 is all cores; the result does not depend on it
	MaxMemory int64  `json:"max_memory"` // bytes the frozen plan may hold; 0 is what the machine has

	Runs string `json:"-"` // folder that holds the runs; "" is "runs"
	Name string `json:"-"` // name of this run's folder; "" picks one that is free
}

// Resolved returns o with every default filled in, or an error that names the
// option that is out of range. Resolving twice changes nothing.
func (o Options) Resolved() (Options, error) {
	def(&o.Model, "head")
	baseline := o.Model == "baseline"
	def(&o.Cache, "f16")
	def(&o.Precision, "f32")
	def(&o.Head, "avgmax")
	def(&o.Standardise, "auto")
	def(&o.Schedule, "cosine")
	def(&o.Optimiser, "adam")
	def(&o.ClassWeight, "none")
	def(&o.Monitor, "loss")
	def(&o.Threshold, "max-f1")
	def(&o.Runs, "runs")
	def(&o.LearningRate, 1e-3)
	def(&o.Patience, 10)
	if baseline {
		def(&o.Size, 64)
		def(&o.Epochs, 25)
		def(&o.Batch, 32)
		def(&o.Dropout, 0.2)
		o.Backbone, o.Cut, o.Preprocess, o.Head, o.Standardise = "", "", "", "", "off"
		o.Precision = "f32"
		o.Unfreeze, o.UnfreezeFrom, o.UnfreezeEpochs, o.BackboneLR, o.TrainNorms = 0, "", 0, 0, false
	} else {
		def(&o.Size, 160)
		def(&o.Epochs, 60)
		def(&o.Batch, 64)
		if o.Optimiser != "adamw" {
			if o.Head == "avgmax" && o.Hidden == 0 {
				def(&o.L2, 0.1)
			}
			def(&o.L2, 0.01)
		}
	}
	if o.unfreezes() {
		def(&o.UnfreezeEpochs, 8)
		def(&o.BackboneLR, o.LearningRate)
		def(&o.EMA, 0.99)
	}
	def(&o.Accumulate, 1)
	if spec, err := augment.Parse(o.Augment); err == nil { // else check tells
		if o.Augment = spec.String(); o.Augment == "none" {
			o.Augment = ""
		}
	}
	if o.Model == "baseline" {
		o.AugmentCopies = 0
	} else if o.Augment != "" {
		def(&o.AugmentCopies, 4)
	}
	if o.Optimiser == "sgd" {
		def(&o.Momentum, 0.9)
	}
	o.Data = o.Data.Resolved()
	return o, o.check()
}

// maxSize is the largest side of a resized image in pixels.
const maxSize = 2048

// none stands for a number that is zero where the zero value means a default.
const none = -1

// orZero is the number that x stands for.
func orZero(x float64) float64 {
	if x == none {
		return 0
	}
	return x
}

// def sets *p to value where it is zero.
func def[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// check returns an error that names the first option out of range.
func (o Options) check() error {
	if o.Data.Path == "" {
		return fmt.Errorf("no data: wants a folder with one folder of images a class, or a CSV manifest (--data)")
	}
	if o.Model == "head" && o.Backbone == "" {
		return fmt.Errorf("no backbone: wants a name such as resnet50 or an ONNX file (--backbone), or --model baseline")
	}
	for _, c := range []struct {
		name, got string
		want      []string
	}{
		{"model", o.Model, []string{"head", "baseline"}},
		{"cache", o.Cache, []string{"f16", "f32"}},
		{"precision", o.Precision, []string{"f32", "bf16", "int8"}},
		{"head", o.Head, []string{"gap", "avgmax", "flat", ""}},
		{"standardise", o.Standardise, []string{"auto", "off"}},
		{"schedule", o.Schedule, []string{"cosine", "constant"}},
		{"optimiser", o.Optimiser, []string{"adam", "adamw", "sgd"}},
		{"class-weight", o.ClassWeight, []string{"none", "auto"}},
		{"monitor", o.Monitor, []string{"loss", "auc", "accuracy"}},
	} {
		if !slices.Contains(c.want, c.got) {
			return fmt.Errorf("--%s %s: wants one of %s", c.name, c.got, strings.Join(c.want, ", "))
		}
	}
	if o.Preprocess != "" {
		if _, err := backbones.Named(o.Preprocess); err != nil {
			return fmt.Errorf("--preprocess %s: %w (tl weights inspect FILE.onnx says what a network wants)", o.Preprocess, err)
		}
	}
	if _, err := augment.Parse(o.Augment); err != nil {
		return fmt.Errorf("--augment %w", err)
	}
	if o.Augment == "" && o.AugmentCopies != 0 {
		return fmt.Errorf("--augment-copies %d without --augment: wants how to vary them, e.g. --augment cells", o.AugmentCopies)
	}
	if _, err := metrics.ParseRule(o.Threshold); err != nil {
		return fmt.Errorf("--%w", err)
	}
	return o.checkNumbers()
}

func (o Options) checkNumbers() error {
	for _, c := range []struct {
		name          string
		got, low, top float64
	}{
		{"size", float64(o.Size), 8, maxSize},
		{"hidden", float64(o.Hidden), 0, 1 << 16},
		{"dropout", orZero(o.Dropout), 0, 0.99},
		{"epochs", float64(o.Epochs), 1, 1e6},
		{"batch", float64(o.Batch), 1, 1 << 16},
		{"lr", o.LearningRate, 1e-12, 1e3},
		{"warmup", o.Warmup, 0, 1e6},
		{"momentum", orZero(o.Momentum), 0, 0.9999},
		{"l2", orZero(o.L2), 0, 1e3},
		{"weight-decay", o.WeightDecay, 0, 1e3},
		{"patience", float64(o.Patience), 1, 1e6},
		{"mixup", o.Mixup, 0, 1e3},
		{"augment-copies", float64(o.AugmentCopies), 0, 1000},
		{"unfreeze", float64(o.Unfreeze), 0, 1e4},
		{"unfreeze-epochs", float64(o.UnfreezeEpochs), 0, 1e6},
		{"backbone-lr", o.BackboneLR, 0, 1e3},
		{"clip", orZero(o.Clip), 0, 1e9},
		{"ema", orZero(o.EMA), 0, 0.999999},
		{"accumulate", float64(o.Accumulate), 1, float64(o.Batch)},
	} {
		if !(c.got >= c.low && c.got <= c.top) { // also refuses NaN
			return fmt.Errorf("--%s %g: wants a number from %g to %g", c.name, c.got, c.low, c.top)
		}
	}
	return nil
}
