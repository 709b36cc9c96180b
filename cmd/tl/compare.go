package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func compareCommand(v *voice) *cli.Command {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "backbone", Category: "arms", Usage: "`NAME` or ONNX file; repeat it for several arms, @CUT and @CUT@SIZE choose (resnet50.onnx@stage3@64)"},
		&cli.BoolFlag{Name: "no-baseline", Category: "arms", Usage: "leave the baseline CNN out; the first backbone is compared with then"},
		&cli.IntFlag{Name: "baseline-size", Category: "arms", Usage: "side of the baseline's images in `PIXELS` (default: 64)"},
	}
	for _, f := range modelFlags() {
		if n := f.Names()[0]; n != "backbone" && n != "model" {
			flags = append(flags, f)
		}
	}
	for _, f := range runFlags() {
		if f.Names()[0] != "resume" {
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name:  "compare",
		Usage: "run the baseline CNN and backbones on one split and print one table",
		Description: "tl compare --data cells/ --backbone resnet50 --backbone vgg16\n" +
			"tl compare --data cells/ --backbone resnet50.onnx@stage3 --backbone resnet50.onnx@stage4\n\n" +
			"Given the --name of an earlier comparison it goes on where that stopped.",
		Flags:  append(append(flags, trainFlags()...), dataFlags()...),
		Action: func(c *cli.Context) error { return compareAction(c, v) },
	}
}

func compareAction(c *cli.Context, v *voice) error {
	if err := noArguments(c); err != nil {
		return err
	}
	var arms []finetune.Arm
	if !c.Bool("no-baseline") {
		o := options(c)
		o.Model, o.Size, o.Backbone = "baseline", c.Int("baseline-size"), ""
		if !c.IsSet("hidden") {
			o.Hidden = 0
		}
		arms = append(arms, finetune.Arm{Name: "baseline", Options: o})
	}
	for _, b := range c.StringSlice("backbone") {
		arm, err := parseArm(b, options(c))
		if err != nil {
			return usageError{err}
		}
		if err := fetch(c, v, arm.Options.Backbone); err != nil {
			return err
		}
		arms = append(arms, arm)
	}
	cmp, err := finetune.Compare(c.Context, dataOptions(c), c.String("runs"), c.String("name"), arms, v)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, cmp.Summary())
	return nil
}
