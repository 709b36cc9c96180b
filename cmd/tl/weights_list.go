package main

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/report"
	"github.com/tlkit/tl/weights"
)

func weightsListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "known files: size, licence, preprocessing, SHA-256, and whether they are here",
		Flags: []cli.Flag{weightsDirFlag(""), &cli.BoolFlag{Name: "long", Usage: "also URL, source, digest and notes"}},
		Action: func(c *cli.Context) error {
			t := report.Table{Columns: []string{"network", "file", "size", "opset", "preprocessing", "licence", "here", "note"}, Align: "llrrllll"}
			for _, e := range weights.Catalogue() {
				here := "no"
				if _, _, err := weights.Locate(e.Name, c.String("weights-dir")); err == nil {
					here = "yes"
				}
				note := e.Note
				if e.Refuse != "" {
					note = "cannot be used: " + e.Refuse
				}
				t.Add(e.Network, e.Name, report.Bytes(e.Bytes), strconv.FormatInt(e.Opset, 10), e.Preprocess, e.Licence, here, note)
			}
			if !c.Bool("long") {
				return t.Text(c.App.Writer)
			}
			for _, e := range weights.Catalogue() {
				fmt.Fprintf(c.App.Writer, "%s (%s)\n  url     %s\n  bytes   %d\n  sha256  %s\n  licence %s\n  source  %s\n  note    %s\n", e.Name, e.Network, e.URL, e.Bytes, e.SHA256, e.Licence, e.Source, e.Note)
			}
			return nil
		},
	}
}
