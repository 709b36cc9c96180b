package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/dataset"
)

func dataMakeCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "make", Usage: "write generated stained cells with and without parasites, for demos and tests", ArgsUsage: "FOLDER",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Usage: "`N` cells", Value: 400},
			&cli.IntFlag{Name: "patients", Usage: "`N` patients", DefaultText: "one for 16 cells, 12 at least"},
			&cli.Uint64Flag{Name: "seed", Usage: "another `SEED` draws other cells"},
			&cli.Float64Flag{Name: "infected", Usage: "`SHARE` of infected cells ", DefaultText: "0.5"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usageError{fmt.Errorf("wants one folder to write, found %d (tl data make cells/)", c.NArg())}
			}
			err := dataset.Make(c.Args().First(), dataset.MakeOptions{
				Count: c.Int("count"), Patients: c.Int("patients"), Seed: c.Uint64("seed"), Infected: c.Float64("infected"),
			})
			if err == nil {
				fmt.Fprintf(c.App.Writer, "%s: %d generated cells; they look like blood cells and are none\n", c.Args().First(), c.Int("count"))
			}
			return err
		},
	}
}
