package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// dataFlags are about images, labels and the split.
func dataFlags() []cli.Flag {
	const images = "images and split"
	return []cli.Flag{
		&cli.StringFlag{Name: "data", Category: images, Usage: "`FOLDER` with one folder of images a class, or train/val/test folders, or a CSV manifest (columns path,label and if known group,split)"},
		&cli.StringFlag{Name: "root", Category: images, Usage: "`FOLDER` that a manifest's paths are relative to", DefaultText: "the manifest's own; for a run's split.csv the run's images"},
		&cli.StringFlag{Name: "positive", Category: images, Usage: "`CLASS` that counts as positive", DefaultText: "recognised by name, e.g. Parasitized"},
		&cli.StringFlag{Name: "split", Category: images, Usage: "`RULE` of the split: group keeps each patient in one part, random does not, keras slices by file name, given takes the folders' or the manifest's", DefaultText: "given where it is, else group where patients are known, else random"},
		&cli.Float64Flag{Name: "val", Category: images, Usage: "`SHARE` of images for validation", DefaultText: "0.15"},
		&cli.Float64Flag{Name: "test", Category: images, Usage: "`SHARE` of images for the test, 0 for none", DefaultText: "0.15; none beside --val of a random or keras split"},
		&cli.Uint64Flag{Name: "split-seed", Category: images, Usage: "another `SEED` splits otherwise"},
		&cli.IntFlag{Name: "folds", Category: images, Usage: "cross-validate: divide the patients into `K` parts, test each by a model that did not see it, and put the answers together", DefaultText: "none, one split"},
		&cli.StringFlag{Name: "group", Category: images, Usage: "`REGEX` whose first (…) in a file's name is the patient, e.g. '^([^_]+)_'", DefaultText: "NIH file names are recognised"},
		&cli.StringFlag{Name: "group-csv", Category: images, Usage: "`FILE` with lines file,patient"},
		&cli.BoolFlag{Name: "no-groups", Category: images, Usage: "do not look for patients in file names"},
		&cli.StringFlag{Name: "corrections", Category: images, Usage: "`FILE` of labels that were looked at again (tl review writes one to fill in); what changed is told, and a run keeps a copy"},
		&cli.BoolFlag{Name: "skip-bad", Category: images, Usage: "leave unreadable images out instead of stopping"},
	}
}

// modelFlags are about what is trained.
func modelFlags() []cli.Flag {
	const model = "model"
	return []cli.Flag{
		&cli.StringFlag{Name: "backbone", Category: model, Usage: "ONNX file of a pretrained network, or a `NAME` of tl weights list"},
		&cli.BoolFlag{Name: "download", Category: model, Usage: "fetch the named backbone if it is not here"},
		&cli.StringFlag{Name: "model", Category: model, Usage: "head (on the backbone) or baseline (a small CNN from scratch)", DefaultText: "head"},
		&cli.StringFlag{Name: "cut", Category: model, Usage: "where the backbone ends: a named `CUT` such as stage3 (tl weights inspect lists them) or a value's name", DefaultText: "the card's"},
		&cli.IntFlag{Name: "unfreeze", Category: model, Usage: "the last `N` blocks before the cut learn too, after the head: a ResNet's bottleneck or a VGG's stage is a block", DefaultText: "none"},
		&cli.StringFlag{Name: "unfreeze-from", Category: model, Usage: "instead: all behind a named `CUT` or a value's name learns"},
		&cli.StringFlag{Name: "preprocess", Category: model, Usage: "`MODE` that the backbone was trained with: torch, caffe, tf, rescale, none", DefaultText: "detected"},
		&cli.IntFlag{Name: "size", Category: model, Usage: "side of the square image in `PIXELS`", DefaultText: "160; baseline 64"},
		&cli.StringFlag{Name: "head", Category: model, Usage: "avgmax (the mean and the maximum of each channel of the feature map), gap (its mean) or flat (every place of it)", DefaultText: "avgmax"},
		&cli.IntFlag{Name: "hidden", Category: model, Usage: "`UNITS` of a hidden Dense+ReLU layer", DefaultText: "none"},
		&cli.Float64Flag{Name: "dropout", Category: model, Usage: "`SHARE` dropped before the last layer; in the baseline after each pool", DefaultText: "none; baseline 0.2"},
		&cli.StringFlag{Name: "standardise", Category: model, Usage: "auto (scale each feature by the training images) or off", DefaultText: "auto"},
	}
}

// trainFlags are about how it is trained.
func trainFlags() []cli.Flag {
	const training = "training"
	return []cli.Flag{
		&cli.IntFlag{Name: "epochs", Category: training, Usage: "at most `N` passes over the training images", DefaultText: "60; baseline 25"},
		&cli.IntFlag{Name: "patience", Category: training, Usage: "stop after `N` epochs without a better one", DefaultText: "10"},
		&cli.StringFlag{Name: "monitor", Category: training, Usage: "`WHAT` of validation decides on the best epoch: loss, auc or accuracy", DefaultText: "loss"},
		&cli.StringFlag{Name: "threshold", Category: training, Usage: "`RULE` on validation: max-f1, youden, sensitivity=0.95, specificity=0.97, or a number", DefaultText: "max-f1"},
		&cli.IntFlag{Name: "batch", Category: training, Usage: "`N` images a step", DefaultText: "64; baseline 32"},
		&cli.Float64Flag{Name: "lr", Aliases: []string{"learning-rate"}, Category: training, Usage: "learning `RATE`", DefaultText: "0.001"},
		&cli.StringFlag{Name: "augment", Category: training, Usage: "vary training images by `SPEC`: cells (any orientation, small shifts, light and stain), or a list such as flip,rotate90,shift=0.05,blur=1; tl data show --augment SPEC draws it", DefaultText: "none"},
		&cli.IntFlag{Name: "augment-copies", Category: training, Usage: "with --augment, cache features of `K` variants of each training image; the baseline varies anew in each epoch", DefaultText: "4"},
		&cli.Float64Flag{Name: "mixup", Category: training, Usage: "mix each training item with another of its batch, labels too, by shares from Beta(`ALPHA`, ALPHA), e.g. 0.2; pixels of the baseline, features of a backbone", DefaultText: "none"},
		&cli.IntFlag{Name: "unfreeze-epochs", Category: training, Usage: "at most `N` passes with the unfrozen blocks", DefaultText: "8"},
		&cli.Float64Flag{Name: "backbone-lr", Category: training, Usage: "learning `RATE` of the unfrozen blocks; the head goes on at a tenth of --lr beside them", DefaultText: "--lr"},
		&cli.BoolFlag{Name: "train-norms", Category: training, Usage: "scale and bias of unfrozen batch norms learn too; their statistics never do"},
		&cli.Float64Flag{Name: "clip", Category: training, Usage: "largest `NORM` of a step's gradient, 0 for any", DefaultText: "1 with unfrozen blocks, else none"},
		&cli.Float64Flag{Name: "ema", Category: training, Usage: "keep a moving average of the weights with this `DECAY`, 0 for none", DefaultText: "0.99 with unfrozen blocks, else none"},
		&cli.IntFlag{Name: "accumulate", Category: training, Usage: "compute a batch in `N` parts, to save memory", DefaultText: "1"},
		&cli.StringFlag{Name: "schedule", Category: training, Usage: "cosine or constant learning rate", DefaultText: "cosine"},
		&cli.Float64Flag{Name: "warmup", Category: training, Usage: "`EPOCHS` of linear warm-up", DefaultText: "none"},
		&cli.StringFlag{Name: "optimiser", Aliases: []string{"optimizer"}, Category: training, Usage: "adam, adamw or sgd", DefaultText: "adam"},
		&cli.Float64Flag{Name: "momentum", Category: training, Usage: "of --optimiser sgd", DefaultText: "0.9"},
		&cli.Float64Flag{Name: "l2", Category: training, Usage: "weight penalty added to the gradient, 0 for none", DefaultText: "0.1 for avgmax without --hidden, else 0.01; baseline none"},
		&cli.Float64Flag{Name: "weight-decay", Category: training, Usage: "decoupled decay of --optimiser adamw", DefaultText: "none"},
		&cli.StringFlag{Name: "class-weight", Category: training, Usage: "none, or auto: inverse to the class counts", DefaultText: "none"},
		&cli.GenericFlag{Name: "grid", Value: &repeated{}, Category: training, Usage: "train with each of `KEY=VALUE,VALUE`, once for each key, in all combinations; validation chooses, only the best is tested and exported"},
		&cli.Uint64Flag{Name: "seed", Category: training, Usage: "another `SEED` gives other initial weights, order and dropout; the same gives the same bytes"},
	}
}

// runFlags are about this machine and where things go.
func runFlags() []cli.Flag {
	const machine = "machine and folders"
	return []cli.Flag{
		&cli.StringFlag{Name: "runs", Category: machine, Usage: "`FOLDER` of all runs", DefaultText: "runs"},
		&cli.StringFlag{Name: "name", Category: machine, Usage: "`NAME` of this run's folder", DefaultText: "the first free one"},
		&cli.StringFlag{Name: "resume", Category: machine, Usage: "go on with the run in `FOLDER`"},
		threadsFlag(machine),
		&cli.StringFlag{Name: "precision", Category: machine, Usage: "f32, bf16 or int8 for the frozen part; the low ones are faster where the processor has them, the run says by how much features differ, and the exported model computes in f32", DefaultText: "f32"},
		&cli.StringFlag{Name: "cache", Category: machine, Usage: "f16 or f32 features on disk", DefaultText: "f16"},
		cacheDirFlag(machine),
		weightsDirFlag(machine),
		&cli.Int64Flag{Name: "max-memory", Category: machine, Usage: "refuse a network that needs more `MIB`", DefaultText: "what the machine has"},
	}
}

func threadsFlag(category string) cli.Flag {
	return &cli.IntFlag{Name: "threads", Category: category, Usage: "`N` threads; the result does not depend on it", DefaultText: "all cores"}
}

func cacheDirFlag(category string) cli.Flag {
	return &cli.StringFlag{Name: "cache-dir", Category: category, Usage: "`FOLDER` of cached features", DefaultText: "the user's cache"}
}

func weightsDirFlag(category string) cli.Flag {
	return &cli.StringFlag{Name: "weights-dir", Category: category, Usage: "`FOLDER` of named weights", DefaultText: "$TL_HOME, else the user's cache"}
}

// repeated is a flag that may be given several times, whose values may hold
// commas: cli's own slices split there.
type repeated []string

func (r *repeated) Set(s string) error { *r = append(*r, s); return nil }
func (r *repeated) String() string     { return strings.Join(*r, " ") }

func repeatedOf(c *cli.Context, name string) []string {
	if r, ok := c.Generic(name).(*repeated); ok {
		return *r
	}
	return nil
}

// without returns the flags but those of the given names.
func without(flags []cli.Flag, names ...string) []cli.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f cli.Flag) bool { return slices.Contains(names, f.Names()[0]) })
}

// only returns the flags of the given names.
func only(flags []cli.Flag, names ...string) []cli.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f cli.Flag) bool { return !slices.Contains(names, f.Names()[0]) })
}
