package main

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func evaluateCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:        "evaluate",
		Usage:       "score an exported model on a labelled folder",
		Description: "tl evaluate --model runs/resnet50-1/model.onnx --data other-cells/",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "`FILE` that tl exported", Required: true},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.StringFlag{Name: "only", Usage: "score only the images of this `SPLIT` of a run's split.csv: val or test"},
			&cli.IntFlag{Name: "threads", Usage: "`N` threads (default: all cores)"},
		}, labelFlags()...),
		Action: func(c *cli.Context) error { return evaluateAction(c, v) },
	}
}

// labelFlags are the data flags without those of the split.
func labelFlags() []cli.Flag {
	var out []cli.Flag
	for _, f := range dataFlags() {
		switch f.Names()[0] {
		case "split", "val", "test", "split-seed", "positive":
		default:
			out = append(out, f)
		}
	}
	return out
}

func evaluateAction(c *cli.Context, v *voice) error {
	if err := noArguments(c); err != nil {
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
