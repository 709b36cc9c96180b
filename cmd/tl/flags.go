package main

import "github.com/urfave/cli/v2"

// dataFlags are about images, labels and the split.
func dataFlags() []cli.Flag {
	const images = "images"
	return []cli.Flag{
		&cli.StringFlag{Name: "data", Category: images, Usage: "`FOLDER` with one folder of images a class, or train/val/test folders, or a CSV manifest (path,label,group)"},
		&cli.StringFlag{Name: "positive", Category: images, Usage: "`CLASS` that counts as positive (default: recognised, e.g. Parasitized)"},
		&cli.StringFlag{Name: "split", Category: images, Usage: "`RULE`: group (by patient), random, keras, given (default: group where patients are known)"},
		&cli.Float64Flag{Name: "val", Category: images, Usage: "`SHARE` of images for validation (default: 0.15)"},
		&cli.Float64Flag{Name: "test", Category: images, Usage: "`SHARE` of images for the test, 0 for none (default: 0.15)"},
		&cli.Uint64Flag{Name: "split-seed", Category: images, Usage: "seed of the split"},
		&cli.StringFlag{Name: "group", Category: images, Usage: "`REGEX` whose first group in a file's path is the patient"},
		&cli.StringFlag{Name: "group-csv", Category: images, Usage: "`FILE` with lines file,group"},
		&cli.BoolFlag{Name: "no-groups", Category: images, Usage: "do not look for patients in file names"},
		&cli.BoolFlag{Name: "skip-bad", Category: images, Usage: "leave unreadable images out instead of stopping"},
	}
}

// modelFlags are about what is trained.
func modelFlags() []cli.Flag {
	const model = "model"
	return []cli.Flag{
		&cli.StringFlag{Name: "backbone", Category: model, Usage: "`NAME` (tl weights list) or ONNX file of a pretrained network"},
		&cli.StringFlag{Name: "model", Category: model, Usage: "head (on the backbone) or baseline (a CNN from scratch)", DefaultText: "head"},
		&cli.StringFlag{Name: "cut", Category: model, Usage: "where the backbone ends: a named `CUT` such as stage3 (tl summary lists them) or a value's name"},
		&cli.StringFlag{Name: "preprocess", Category: model, Usage: "`MODE` the backbone was trained with: torch, caffe, tf, rescale, none (default: detected)"},
		&cli.IntFlag{Name: "size", Category: model, Usage: "side of the square image in `PIXELS` (default: 128; baseline 64)"},
		&cli.StringFlag{Name: "head", Category: model, Usage: "gap (pool the feature map) or flat (keep every cell); then Flatten → Dense", DefaultText: "gap"},
		&cli.IntFlag{Name: "hidden", Category: model, Usage: "`UNITS` of a hidden Dense+ReLU layer (default: none)"},
		&cli.Float64Flag{Name: "dropout", Category: model, Usage: "`SHARE` dropped before the last layer"},
		&cli.StringFlag{Name: "standardise", Category: model, Usage: "auto (scale each channel by the training images) or off", DefaultText: "auto"},
		&cli.BoolFlag{Name: "download", Category: model, Usage: "fetch the named backbone if it is not here"},
	}
}

// trainFlags are about how it is trained.
func trainFlags() []cli.Flag {
	const training = "training"
	return []cli.Flag{
		&cli.IntFlag{Name: "epochs", Category: training, Usage: "at most `N` passes (default: 60; baseline 25)"},
		&cli.IntFlag{Name: "batch", Category: training, Usage: "`N` images a step (default: 64; baseline 32)"},
		&cli.Float64Flag{Name: "lr", Aliases: []string{"learning-rate"}, Category: training, Usage: "learning `RATE` (default: 0.001)"},
		&cli.StringFlag{Name: "schedule", Category: training, Usage: "cosine or constant", DefaultText: "cosine"},
		&cli.Float64Flag{Name: "warmup", Category: training, Usage: "`EPOCHS` of linear warm-up"},
		&cli.StringFlag{Name: "optimiser", Aliases: []string{"optimizer"}, Category: training, Usage: "adam, adamw or sgd", DefaultText: "adam"},
		&cli.Float64Flag{Name: "momentum", Category: training, Usage: "of sgd (default: 0.9)"},
		&cli.Float64Flag{Name: "l2", Category: training, Usage: "weight penalty added to the gradient"},
		&cli.Float64Flag{Name: "weight-decay", Category: training, Usage: "decoupled decay of adamw"},
		&cli.StringFlag{Name: "class-weight", Category: training, Usage: "none or auto (inverse to the class counts)", DefaultText: "none"},
		&cli.StringFlag{Name: "monitor", Category: training, Usage: "validation loss, auc or accuracy decides on the best epoch", DefaultText: "loss"},
		&cli.IntFlag{Name: "patience", Category: training, Usage: "stop after `N` epochs without a better one (default: 10)"},
		&cli.StringFlag{Name: "threshold", Category: training, Usage: "`RULE` on validation: max-f1, youden, sensitivity=0.95, specificity=0.97, or a number", DefaultText: "max-f1"},
		&cli.Uint64Flag{Name: "seed", Category: training, Usage: "of initial weights, order and dropout"},
	}
}

// runFlags are about this machine and where things go.
func runFlags() []cli.Flag {
	const machine = "machine and folders"
	return []cli.Flag{
		&cli.StringFlag{Name: "runs", Category: machine, Usage: "`FOLDER` of all runs", DefaultText: "runs"},
		&cli.StringFlag{Name: "name", Category: machine, Usage: "`NAME` of this run's folder (default: the first free one)"},
		&cli.StringFlag{Name: "resume", Category: machine, Usage: "go on with the run in `FOLDER`"},
		&cli.IntFlag{Name: "threads", Category: machine, Usage: "`N` threads (default: all cores; the result does not depend on it)"},
		&cli.StringFlag{Name: "cache", Category: machine, Usage: "f16 or f32 features on disk", DefaultText: "f16"},
		&cli.StringFlag{Name: "cache-dir", Category: machine, Usage: "`FOLDER` of cached features (default: the user's cache)"},
		&cli.StringFlag{Name: "weights-dir", Category: machine, Usage: "`FOLDER` of named weights (default: $TL_HOME, else the user's cache)"},
		&cli.Int64Flag{Name: "max-memory", Category: machine, Usage: "refuse a plan that holds more `MIB`"},
	}
}
