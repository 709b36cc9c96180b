package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/report"
)

func dataStatsCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "stats", Usage: "count images by class, patient, size and kind", ArgsUsage: "FOLDER",
		Flags: append(scanFlags(), splitFlags()...),
		Action: func(c *cli.Context) error {
			d, _, err := scan(c, v, c.Bool("skip-bad"))
			if err != nil {
				return err
			}
			if err := assign(c, v, d); err != nil {
				return err
			}
			return printStats(c, d)
		},
	}
}

func printStats(c *cli.Context, d *dataset.Dataset) error {
	s, w := d.Stats(), c.App.Writer
	fmt.Fprintf(w, "%s: %d images, %s, %s\n", d.Root, s.Pictures, report.Bytes(s.Bytes), d.Layout)
	fmt.Fprintf(w, "width  %d … %d, median %d pixels\nheight %d … %d, median %d pixels\n",
		s.Width.Min, s.Width.Max, s.Width.Median, s.Height.Min, s.Height.Max, s.Height.Median)
	for _, m := range s.Modes {
		fmt.Fprintf(w, "kind   %s: %d\n", m.Name, m.N)
	}
	fmt.Fprintf(w, "files with the same bytes: %d\n\n", len(s.Duplicates))
	t := report.Table{Columns: []string{"class", "images"}}
	for i, k := range s.Classes {
		name := k.Name
		if i == d.Positive {
			name += " (positive: " + d.PositiveWhy + ")"
		}
		t.Add(name, fmt.Sprint(k.Pictures))
	}
	if err := t.Text(w); err != nil || d.GroupRule == "" {
		return err
	}
	fmt.Fprintf(w, "\n%d patients (%s), %d with images of more than one class\n", len(s.Groups), d.GroupRule, s.MixedGroup)
	return printPatientCounts(c, d, s)
}

// printPatientCounts prints the ten largest patients.
func printPatientCounts(c *cli.Context, d *dataset.Dataset, s dataset.Stats) error {
	t := report.Table{Columns: append([]string{"patient"}, d.Classes...)}
	for _, g := range s.Groups[:min(10, len(s.Groups))] {
		row := []string{g.Name}
		for _, n := range g.Classes {
			row = append(row, fmt.Sprint(n))
		}
		t.Add(row...)
	}
	if n := len(s.Groups) - 10; n > 0 {
		t.Add(fmt.Sprintf("… and %d more", n))
	}
	return t.Text(c.App.Writer)
}
