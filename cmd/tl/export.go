package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func exportCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the best model of a run as one ONNX file",
		ArgsUsage: "OUT.onnx",
		Description: "tl export model.onnx                      (of the newest run)\n" +
			"tl export --run runs/resnet50-1 model.onnx\n\n" +
			"The file takes uint8 RGB images (N,H,W,3) of any size. Every finished run holds\n" +
			"it already as model.onnx; of a run that was stopped, the best epoch so far is written.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Usage: "run `FOLDER`", DefaultText: "the newest in --runs"},
			&cli.StringFlag{Name: "runs", Usage: "`FOLDER` of all runs", DefaultText: "runs"},
			weightsDirFlag(""),
			cacheDirFlag(""),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usageError{fmt.Errorf("wants one file to write, found %d (tl export model.onnx)", c.NArg())}
			}
			if c.IsSet("run") {
				if err := refuse(c, "--run names the folder", "runs"); err != nil {
					return err
				}
			}
			from, err := finetune.Export(c.Context, c.String("runs"), c.String("run"), c.Args().First(), c.String("cache-dir"), c.String("weights-dir"), v)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "%s: written from %s\n", c.Args().First(), from)
			return nil
		},
	}
}
