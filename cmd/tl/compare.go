package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func compareCommand(v *voice) *cli.Command {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "backbone", Category: "arms", Usage: "`NAME` or ONNX file; repeat it for several arms, @CUT and @CUT@SIZE choose (resnet50.onnx@stage3@64)"},
		&cli.GenericFlag{Name: "arm", Value: &repeated{}, Category: "arms", Usage: "instead: `ARM` with options of its own, once for each: baseline or a backbone, then flags of tl finetune and name= (resnet50.onnx@stage4,unfreeze=3,backbone-lr=3e-4,name=tuned)"},
		&cli.BoolFlag{Name: "no-baseline", Category: "arms", Usage: "leave the baseline CNN out; the first backbone is what the others are compared with"},
		&cli.IntFlag{Name: "baseline-size", Category: "arms", Usage: "side of the baseline's images in `PIXELS`", DefaultText: "64"},
	}
	flags = append(flags, without(modelFlags(), "backbone", "model")...)
	return &cli.Command{
		Name:  "compare",
		Usage: "run the baseline CNN and backbones on one split and print one table",
		Description: "tl compare --data cells/ --backbone resnet50 --backbone vgg16\n" +
			"tl compare --data cells/ --backbone resnet50.onnx@stage3 --backbone resnet50.onnx@stage4\n" +
			"tl compare --data cells/ --folds 5 --arm baseline --arm resnet50,name=frozen --arm resnet50,unfreeze=3,name=tuned\n\n" +
			"Given the --name of an earlier comparison it goes on where that stopped.",
		Flags:  append(append(append(flags, dataFlags()...), without(trainFlags(), "grid")...), without(runFlags(), "resume")...),
		Action: func(c *cli.Context) error { return compareAction(c, v) },
	}
}

func compareAction(c *cli.Context, v *voice) error {
	if err := noArguments(c); err != nil {
		return err
	}
	arms, err := arms(c)
	if err != nil {
		return err
	}
	for _, a := range arms {
		if err := fetch(c, v, a.Options.Backbone); err != nil {
			return err
		}
	}
	var cmp *finetune.Comparison
	if c.IsSet("folds") {
		cmp, err = finetune.CrossValidate(c.Context, dataOptions(c), c.Int("folds"), c.String("runs"), c.String("name"), arms, v)
	} else {
		cmp, err = finetune.Compare(c.Context, dataOptions(c), c.String("runs"), c.String("name"), arms, v)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, cmp.Summary())
	return nil
}

// arms are those listed, or the baseline, unless it is left out, and every
// backbone.
func arms(c *cli.Context) ([]finetune.Arm, error) {
	if !c.IsSet("arm") { // else each arm is checked with what it says itself
		if err := contradictions(c); err != nil {
			return nil, err
		}
	}
	if err := require(c, "data"); err != nil {
		return nil, err
	}
	given := repeatedOf(c, "arm")
	if len(given) > 0 {
		if err := refuse(c, "--arm lists all arms", "backbone", "no-baseline"); err != nil {
			return nil, err
		}
	} else {
		given = c.StringSlice("backbone")
		if !c.Bool("no-baseline") {
			given = append([]string{"baseline"}, given...)
		} else if err := refuse(c, "--no-baseline was given too", "baseline-size"); err != nil {
			return nil, err
		}
	}
	var out []finetune.Arm
	for _, s := range given {
		arm, err := parseArm(c, s)
		if err != nil {
			return nil, usageError{err}
		}
		out = append(out, arm)
	}
	if len(out) < 2 {
		return nil, usageError{fmt.Errorf("%d of the two arms or more that a comparison wants (--backbone resnet50.onnx or --arm, once for each)", len(out))}
	}
	for _, a := range out {
		if _, err := a.Options.Resolved(); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", a.Name, err)}
		}
	}
	return out, nil
}
