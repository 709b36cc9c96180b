package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/backbones"
)

func weightsInspectCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "what a network is: cuts, preprocessing, whether it looks trained", ArgsUsage: "NAME or FILE",
		Flags: []cli.Flag{weightsDirFlag(""), &cli.IntFlag{Name: "size", Usage: "image side in `PIXELS`", Value: 224}},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usageError{fmt.Errorf("wants one network, found %d (tl weights inspect resnet50.onnx)", c.NArg())}
			}
			b, err := backbones.Open(c.Args().First(), backbones.Options{Size: c.Int("size"), Dir: c.String("weights-dir")})
			if err != nil {
				return err
			}
			defer b.Close()
			printCard(c.App.Writer, b.Card())
			return nil
		},
	}
}
