package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/dataset"
)

func dataShowCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "draw a grid of sample images of each class as PNG", ArgsUsage: "FOLDER",
		Flags: append(scanFlags(),
			&cli.StringFlag{Name: "out", Usage: "PNG `FILE`", Value: "samples.png"},
			&cli.IntFlag{Name: "per-class", Usage: "`N` images of each class (default: 24)"},
			&cli.Uint64Flag{Name: "seed", Usage: "chooses other images"}),
		Action: func(c *cli.Context) error {
			d, _, err := scan(c, v, c.Bool("skip-bad"))
			if err != nil {
				return err
			}
			f, err := os.Create(c.String("out"))
			if err != nil {
				return err
			}
			defer f.Close()
			if err := dataset.Grid(f, d, dataset.GridOptions{PerClass: c.Int("per-class"), Seed: c.Uint64("seed")}); err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, c.String("out"))
			return f.Close()
		},
	}
}
