package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/report"
)

func dataSplitCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "split", Usage: "split into training, validation and test; --out saves the manifest", ArgsUsage: "FOLDER",
		Flags: append(append(scanFlags(), splitFlags()...), &cli.StringFlag{Name: "out", Usage: "manifest `FILE` to write"}),
		Action: func(c *cli.Context) error {
			d, _, err := scan(c, v, c.Bool("skip-bad"))
			if err != nil {
				return err
			}
			if err := assign(c, v, d); err != nil {
				return err
			}
			t := report.Table{Columns: append([]string{"split", "images", "patients"}, d.Classes...)}
			for _, s := range d.Stats().Splits {
				row := []string{s.Split.String(), fmt.Sprint(s.Pictures), fmt.Sprint(s.Groups)}
				for _, n := range s.Classes {
					row = append(row, fmt.Sprint(n))
				}
				t.Add(row...)
			}
			if err := t.Text(c.App.Writer); err != nil {
				return err
			}
			if out := c.String("out"); out != "" {
				if err := d.SaveManifest(out); err != nil {
					return err
				}
				v.Note("written: " + out + "; its paths are relative to " + d.Root + " (tl finetune --data " + out + " --root " + d.Root + ")")
			}
			return nil
		},
	}
}
