package main

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func evaluateCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:  "evaluate",
		Usage: "score an exported model on a labelled folder",
		Description: "tl evaluate --model runs/resnet50-1/model.onnx --data other-cells/\n" +
			"tl evaluate --model runs/resnet50-1/model.onnx --data runs/resnet50-1/split.csv --only test\n\n" +
			"The threshold is the one stored in the model. With --corrections the figures by the\n" +
			"labels as given stand beside. A run's split.csv holds its corrections already.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "`FILE` that tl exported"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.StringFlag{Name: "only", Usage: "score only the images of one `SPLIT`, train, val or test, of a manifest or of train/val/test folders"},
			threadsFlag(""),
		}, only(dataFlags(), "data", "root", "group", "group-csv", "no-groups", "corrections", "skip-bad")...),
		Action: func(c *cli.Context) error { return evaluateAction(c, v) },
	}
}

func evaluateAction(c *cli.Context, v *voice) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if err := require(c, "model", "data"); err != nil {
		return err
	}
	if err := contradictions(c); err != nil {
		return err
	}
	m, err := finetune.OpenModel(c.String("model"), c.Int("threads"))
	if err != nil {
		return err
	}
	defer m.Close()
	e, err := m.Evaluate(c.Context, dataOptions(c), c.String("only"), v)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		j := json.NewEncoder(c.App.Writer)
		j.SetIndent("", "  ")
		return j.Encode(e)
	}
	fmt.Fprintln(c.App.Writer, e.Summary(m.Classes))
	return nil
}
