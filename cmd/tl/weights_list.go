package main

import (
	"fmt"
	"io"
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
			if c.Bool("long") {
				return printCatalogue(c.App.Writer)
			}
			return weightsTable(c.String("weights-dir")).Text(c.App.Writer)
		},
	}
}

// weightsTable lists the catalogue; what a bare name stands for comes first.
func weightsTable(dir string) *report.Table {
	t := &report.Table{Columns: []string{"name", "file", "size", "opset", "preprocessing", "licence", "here", "note"}, Align: "llrrllll"}
	for _, e := range weights.Catalogue() {
		name, here := "", "no"
		if usual, ok := weights.Lookup(e.Network); ok && usual.Name == e.Name {
			name = e.Network
		}
		if _, _, err := weights.Locate(e.Name, dir); err == nil {
			here = "yes"
		}
		note := e.Note
		if e.Refuse != "" {
			note = "cannot be used: " + e.Refuse
		}
		t.Add(name, e.Name, report.Bytes(e.Bytes), strconv.FormatInt(e.Opset, 10), e.Preprocess, e.Licence, here, note)
	}
	return t
}

// printCatalogue prints everything that is known of each file.
func printCatalogue(w io.Writer) error {
	for _, e := range weights.Catalogue() {
		_, err := fmt.Fprintf(w, "%s (%s)\n  url     %s\n  bytes   %d\n  sha256  %s\n  licence %s\n  source  %s\n  note    %s\n",
			e.Name, e.Network, e.URL, e.Bytes, e.SHA256, e.Licence, e.Source, e.Note)
		if err != nil {
			return err
		}
	}
	return nil
}
