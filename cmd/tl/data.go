package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/dataset"
)

func dataCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:  "data",
		Usage: "look at images before training: stats, check, split, show, make",
		Subcommands: []*cli.Command{
			dataStatsCommand(v), dataCheckCommand(v), dataSplitCommand(v), dataShowCommand(v), dataMakeCommand(v),
		},
	}
}

// scan reads the folder or manifest that is the command's one argument.
func scan(c *cli.Context, v *voice, skipBad bool) (*dataset.Dataset, *dataset.Report, error) {
	if c.NArg() != 1 {
		return nil, nil, usageError{fmt.Errorf("wants one folder or manifest, found %d (tl data %s FOLDER)", c.NArg(), c.Command.Name)}
	}
	if err := contradictions(c); err != nil {
		return nil, nil, err
	}
	begun := false
	d, r, err := dataset.Scan(c.Context, c.Args().First(), dataset.ScanOptions{
		Root:     c.String("root"),
		Positive: c.String("positive"), GroupRegex: c.String("group"), GroupCSV: c.String("group-csv"),
		NoGroups: c.Bool("no-groups"), SkipBad: skipBad,
		Progress: func(done, total int) {
			if !begun {
				v.Begin("reading images", "images", total)
				begun = true
			}
			v.Advance(done)
		},
	})
	v.End()
	if err == nil {
		for _, w := range r.Warnings {
			v.Warn(w)
		}
	}
	return d, r, err
}

// scanFlags are the data flags without --data, which is the argument here, and
// without those of the split and after it.
func scanFlags() []cli.Flag {
	return without(dataFlags(), "data", "split", "val", "test", "split-seed", "folds", "corrections")
}

// splitFlags are the flags of the split, and of what is corrected after it.
func splitFlags() []cli.Flag {
	return only(dataFlags(), "split", "val", "test", "split-seed", "corrections")
}

// assign splits d as the flags say and prints the warnings; then it applies
// --corrections, as a training does, and prints what they changed.
func assign(c *cli.Context, v *voice, d *dataset.Dataset) error {
	o := dataOptions(c).Resolved()
	warnings, err := d.Assign(dataset.SplitOptions{Rule: o.Split, Val: o.Val, Test: max(0, o.Test), Seed: o.Seed})
	for _, w := range warnings {
		v.Warn(w)
	}
	if err != nil || o.Corrections == "" {
		return err
	}
	list, err := dataset.ReadCorrections(o.Corrections)
	if err != nil {
		return err
	}
	did, err := d.Correct(list)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, did.Words)
	return nil
}
