package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func lrFindCommand(v *voice) *cli.Command {
	const sweep = "sweep"
	flags := []cli.Flag{
		&cli.Float64Flag{Name: "from", Category: sweep, Usage: "first learning `RATE`", DefaultText: "1e-7"},
		&cli.Float64Flag{Name: "to", Category: sweep, Usage: "last learning `RATE`", DefaultText: "10"},
		&cli.IntFlag{Name: "steps", Category: sweep, Usage: "`N` steps, each at a higher rate", DefaultText: "100"},
		&cli.StringFlag{Name: "out", Category: sweep, Usage: "`PATH` of the curve, without .csv and .png", Value: "lr-find"},
	}
	flags = append(append(flags, modelFlags()...), without(dataFlags(), "folds")...)
	flags = append(flags, without(trainFlags(), "epochs", "patience", "monitor", "threshold", "schedule", "warmup", "unfreeze-epochs", "ema", "grid")...)
	return &cli.Command{
		Name:  "lr-find",
		Usage: "raise the learning rate step by step on training images and suggest one",
		Description: "tl lr-find --backbone resnet50 --data cells/                 (for --lr)\n" +
			"tl lr-find --backbone resnet50 --unfreeze 2 --data cells/    (for --backbone-lr)\n" +
			"tl lr-find --model baseline --data cells/\n\n" +
			"It takes the flags of tl finetune but those that say how long to train. What it learns is thrown away; the curve is written beside.",
		Flags:  append(flags, only(runFlags(), "threads", "cache", "cache-dir", "weights-dir", "max-memory")...),
		Action: func(c *cli.Context) error { return lrFindAction(c, v) },
	}
}

func lrFindAction(c *cli.Context, v *voice) error {
	if err := noArguments(c); err != nil {
		return err
	}
	o, err := checkedOptions(c)
	if err != nil {
		return err
	}
	if err := fetch(c, v, o.Backbone); err != nil {
		return err
	}
	curve, err := finetune.FindRate(c.Context, o, finetune.Sweep{From: c.Float64("from"), To: c.Float64("to"), Steps: c.Int("steps")}, v)
	if err != nil {
		return err
	}
	if err := curve.Write(c.String("out")); err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, curve.Summary())
	fmt.Fprintf(c.App.Writer, "curve: %s.csv, %[1]s.png\n", c.String("out"))
	return nil
}
