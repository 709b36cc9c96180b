package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func finetuneCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:  "finetune",
		Usage: "train a head on a frozen backbone (or the baseline CNN), evaluate and export it",
		Description: "tl finetune --backbone resnet50 --data cells/\n" +
			"tl finetune --backbone model.onnx --cut stage3 --size 128 --data cells/\n" +
			"tl finetune --model baseline --data cells/\n" +
			"tl finetune --backbone resnet50 --unfreeze 2 --data cells/   (the last two blocks learn too)\n" +
			"tl finetune --backbone resnet50 --folds 5 --data cells/      (cross-validation; with --name it goes on)\n" +
			"tl finetune --backbone resnet50 --grid lr=1e-3,3e-4 --grid unfreeze=2,3 --data cells/   (tries all four, tests the best)\n" +
			"tl finetune --resume runs/resnet50-1       (--data, --root, --backbone name what moved)",
		Flags: append(append(modelFlags(), trainFlags()...), append(dataFlags(), runFlags()...)...),
		Action: func(c *cli.Context) error {
			out, err := finetuneAction(c, v)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, out.Summary())
			return nil
		},
	}
}

// summary is what a command that trains has found.
type summary interface{ Summary() string }

func finetuneAction(c *cli.Context, v *voice) (summary, error) {
	if err := noArguments(c); err != nil {
		return nil, err
	}
	if c.IsSet("resume") {
		if err := resumeAlone(c); err != nil {
			return nil, err
		}
		return finetune.Resume(c.Context, c.String("resume"), placeOf(c), v)
	}
	if c.IsSet("grid") {
		if err := refuse(c, "a grid in folds would choose by patients that it is then tested on", "folds"); err != nil {
			return nil, err
		}
		cells, err := gridCells(c)
		if err != nil {
			return nil, err
		}
		if err := fetch(c, v, cells[0].Options.Backbone); err != nil {
			return nil, err
		}
		return finetune.Search(c.Context, cells[0].Options.Data, c.String("runs"), c.String("name"), cells, v)
	}
	o, err := checkedOptions(c)
	if err != nil {
		return nil, err
	}
	if err := fetch(c, v, o.Backbone); err != nil {
		return nil, err
	}
	if c.IsSet("folds") {
		return finetune.CrossValidate(c.Context, o.Data, c.Int("folds"), o.Runs, o.Name, []finetune.Arm{{Options: o}}, v)
	}
	return finetune.Run(c.Context, o, v)
}

// placeOf says where a run that goes on finds what it needs.
func placeOf(c *cli.Context) finetune.Place {
	return finetune.Place{
		Data: c.String("data"), Root: c.String("root"), Backbone: c.String("backbone"),
		CacheDir: c.String("cache-dir"), WeightsDir: c.String("weights-dir"), Threads: c.Int("threads"),
	}
}

// resumeAlone refuses flags that would change a run that has begun: only what
// moved may be named anew.
func resumeAlone(c *cli.Context) error {
	for _, f := range without(c.Command.Flags, "resume", "data", "root", "backbone", "threads", "cache-dir", "weights-dir") {
		if name := f.Names()[0]; c.IsSet(name) {
			return usageError{fmt.Errorf("--%s cannot change a run that has begun: its settings.json counts (tl finetune --resume %s)", name, c.String("resume"))}
		}
	}
	return nil
}

// checkedOptions is options for a command that trains: what is missing,
// contradictory or out of range is a usage error.
func checkedOptions(c *cli.Context) (finetune.Options, error) {
	o := options(c)
	if err := contradictions(c); err != nil {
		return o, err
	}
	if o.Data.Path == "" {
		return o, usageError{fmt.Errorf("no images (--data FOLDER, with one folder of images a class)")}
	}
	if o.Backbone == "" && o.Model != "baseline" {
		return o, usageError{fmt.Errorf("no backbone (--backbone FILE.onnx or a name of `tl weights list`; or --model baseline trains a CNN from scratch)")}
	}
	if _, err := o.Resolved(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// options turns flags into what finetune wants.
func options(c *cli.Context) finetune.Options {
	o := trainOptions(c)
	o.Data = dataOptions(c)
	o.Model, o.Backbone, o.Cut, o.Preprocess = c.String("model"), c.String("backbone"), c.String("cut"), c.String("preprocess")
	o.Size, o.Head, o.Cache = c.Int("size"), c.String("head"), c.String("cache")
	o.Precision = c.String("precision")
	o.Unfreeze, o.UnfreezeFrom = c.Int("unfreeze"), c.String("unfreeze-from")
	o.Name, o.Runs, o.Seed = c.String("name"), c.String("runs"), c.Uint64("seed")
	o.Threads, o.CacheDir, o.WeightsDir = c.Int("threads"), c.String("cache-dir"), c.String("weights-dir")
	o.MaxMemory = c.Int64("max-memory") << 20
	return o
}

// trainOptions reads the flags that only training knows.
func trainOptions(c *cli.Context) finetune.Options {
	return finetune.Options{
		Hidden: c.Int("hidden"), Dropout: orNone(c, "dropout"), Standardise: c.String("standardise"),
		Epochs: c.Int("epochs"), Batch: c.Int("batch"), LearningRate: c.Float64("lr"), Schedule: c.String("schedule"),
		Warmup: c.Float64("warmup"), Optimiser: c.String("optimiser"), Momentum: orNone(c, "momentum"),
		L2: orNone(c, "l2"), WeightDecay: c.Float64("weight-decay"), ClassWeight: c.String("class-weight"),
		Augment: c.String("augment"), AugmentCopies: c.Int("augment-copies"), Mixup: c.Float64("mixup"),
		UnfreezeEpochs: c.Int("unfreeze-epochs"), BackboneLR: c.Float64("backbone-lr"), TrainNorms: c.Bool("train-norms"),
		Clip: orNone(c, "clip"), EMA: orNone(c, "ema"), Accumulate: c.Int("accumulate"),
		Monitor: c.String("monitor"), Patience: c.Int("patience"), Threshold: c.String("threshold"),
	}
}

// orNone reads a number whose zero value means a default: a 0 that the user
// gave becomes -1, none.
func orNone(c *cli.Context, name string) float64 {
	if c.IsSet(name) && c.Float64(name) == 0 {
		return -1
	}
	return c.Float64(name)
}

// dataOptions reads the flags about images.
func dataOptions(c *cli.Context) finetune.DataOptions {
	return finetune.DataOptions{
		Path: c.String("data"), Root: c.String("root"), Positive: c.String("positive"), Split: c.String("split"), Val: c.Float64("val"), Test: orNone(c, "test"),
		Group: c.String("group"), GroupCSV: c.String("group-csv"), NoGroups: c.Bool("no-groups"),
		SkipBad: c.Bool("skip-bad"), Seed: c.Uint64("split-seed"), Corrections: c.String("corrections"),
	}
}
