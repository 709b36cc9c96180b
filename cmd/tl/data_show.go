package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/augment"
	"github.com/tlkit/tl/internal/dataset"
)

func dataShowCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "draw a grid of sample images of each class as PNG", ArgsUsage: "FOLDER",
		Flags: append(scanFlags(),
			&cli.StringFlag{Name: "out", Usage: "PNG `FILE`", Value: "samples.png"},
			&cli.IntFlag{Name: "per-class", Usage: "`N` images of each class", DefaultText: "24; 4 with --augment"},
			&cli.StringFlag{Name: "augment", Usage: "show each image with variants of it, by a `SPEC` as in tl finetune"},
			&cli.Uint64Flag{Name: "seed", Usage: "another `SEED` chooses other images and variants"}),
		Action: func(c *cli.Context) error {
			o := dataset.GridOptions{PerClass: c.Int("per-class"), Seed: c.Uint64("seed")}
			if text := c.String("augment"); text != "" {
				spec, err := augment.Parse(text)
				if err != nil {
					return usageError{fmt.Errorf("--augment %w", err)}
				}
				o.Vary = func(dst, src []float32, size int, sha string, n int) {
					spec.Apply(dst, src, size, augment.Random(o.Seed, sha, n))
				}
			}
			d, _, err := scan(c, v, c.Bool("skip-bad"))
			if err != nil {
				return err
			}
			err = atomicfile.Write(c.String("out"), func(w io.Writer) error {
				return dataset.Grid(w, d, o)
			})
			if err == nil {
				fmt.Fprintln(c.App.Writer, c.String("out"))
			}
			return err
		},
	}
}
