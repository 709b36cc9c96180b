package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/report"
)

func summaryCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:  "summary",
		Usage: "print layers, output shapes and parameters, trainable and frozen, as Keras does",
		Description: "tl summary --backbone resnet50.onnx --cut stage3\n" +
			"tl summary --model baseline --size 100",
		Flags: append(modelFlags(), weightsDirFlag("model"),
			&cli.IntFlag{Name: "classes", Category: "model", Usage: "`N` classes to tell apart", Value: 2}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o := options(c)
			if err := contradictions(c); err != nil {
				return err
			}
			if o.Backbone == "" && o.Model != "baseline" {
				return usageError{fmt.Errorf("no backbone (--backbone FILE.onnx or a name of `tl weights list`; or --model baseline)")}
			}
			if err := fetch(c, v, o.Backbone); err != nil {
				return err
			}
			s, err := finetune.Summarise(o, c.Int("classes"))
			if err != nil {
				return err
			}
			return printSummary(c.App.Writer, s)
		},
	}
}

func printSummary(w io.Writer, s *finetune.NetworkSummary) error {
	if s.Card != nil {
		printCard(w, *s.Card)
		fmt.Fprintln(w)
	}
	t := report.Table{Columns: []string{"layer", "kind", "output", "parameters", ""}, Align: "lllrl"}
	for _, l := range s.Layers {
		state := "trainable"
		if l.Frozen {
			state = "frozen"
		}
		if l.Parameters == 0 {
			state = ""
		}
		t.Add(l.Name, l.Kind, fmt.Sprint(l.Output), report.Count(int(l.Parameters)), state)
	}
	if err := t.Text(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nparameters: %s, of these trainable %s, frozen %s\n",
		report.Count(int(s.Trainable+s.Frozen)), report.Count(int(s.Trainable)), report.Count(int(s.Frozen)))
	if s.Whole > 0 {
		fmt.Fprintf(w, "the file's whole network, classifier included: %s\n", report.Count(int(s.Whole)))
	}
	return nil
}

// printCard prints what is known about a backbone.
func printCard(w io.Writer, c backbones.Card) {
	fmt.Fprintf(w, "backbone       %s\nfile           %s\nsha256         %s\n", c.Name, c.File, c.Digest)
	fmt.Fprintf(w, "preprocessing  %s (%s)\n", c.Preprocess.Name, c.PreprocessWhy)
	fmt.Fprintf(w, "input          %d×%d pixels, %s inside\ncut            %s → features %v\n", c.Size, c.Size, c.Layout, c.Cut, c.Feature)
	for _, cut := range c.Cuts {
		fmt.Fprintf(w, "  cut %-9s %v after %s\n", cut.Name, cut.Shape, cut.Value)
	}
	trained := "looks trained"
	if c.Untrained != "" {
		trained = "looks UNTRAINED: " + c.Untrained
	}
	fmt.Fprintf(w, "weights        %s\n", trained)
	if c.Licence != "" {
		fmt.Fprintf(w, "licence        %s (%s)\n", c.Licence, c.Source)
	}
}
