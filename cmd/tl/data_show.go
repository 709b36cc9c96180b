package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/dataset"
)

func dataShowCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "draw a grid of sample images of each class as PNG", ArgsUsage: "FOLDER",
		Flags: append(scanFlags(),
			&cli.StringFlag{Name: "out", Usage: "PNG `FILE`", Value: "samples.png"},
			&cli.IntFlag{Name: "per-class", Usage: "`N` images of each class", DefaultText: "24"},
			&cli.Uint64Flag{Name: "seed", Usage: "another `SEED` chooses other images"}),
		Action: func(c *cli.Context) error {
			d, _, err := scan(c, v, c.Bool("skip-bad"))
			if err != nil {
				return err
			}
			err = atomicfile.Write(c.String("out"), func(w io.Writer) error {
				return dataset.Grid(w, d, dataset.GridOptions{PerClass: c.Int("per-class"), Seed: c.Uint64("seed")})
			})
			if err == nil {
				fmt.Fprintln(c.App.Writer, c.String("out"))
			}
			return err
		},
	}
}
