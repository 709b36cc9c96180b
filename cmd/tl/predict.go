package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/report"
)

func predictCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Usage:     "say what an exported model sees in images",
		ArgsUsage: "FILE or FOLDER …",
		Description: "tl predict --model runs/resnet50-1/model.onnx images/\n" +
			"tl predict --model model.onnx --format csv images/ > answers.csv\n" +
			"tl predict --model model.onnx --per-patient images/\n\n" +
			"A file that cannot be read has a line without an answer, and the exit code is 1.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "`FILE` that tl exported"},
			&cli.StringFlag{Name: "format", Usage: "`FORMAT`: table, csv or jsonl", Value: "table"},
			&cli.BoolFlag{Name: "per-patient", Usage: "one line a patient, where file names tell them"},
			threadsFlag(""),
		},
		Action: func(c *cli.Context) error { return predictAction(c, v) },
	}
}

func predictAction(c *cli.Context, v *voice) error {
	if !c.Args().Present() {
		return usageError{fmt.Errorf("no images (tl predict --model model.onnx FOLDER)")}
	}
	if err := require(c, "model"); err != nil {
		return err
	}
	format := c.String("format")
	if !slices.Contains([]string{"table", "csv", "jsonl"}, format) {
		return usageError{fmt.Errorf("--format %s: wants table, csv or jsonl (--format csv)", format)}
	}
	files, err := finetune.ImageFiles(c.Args().Slice())
	if err != nil {
		return err
	}
	m, err := finetune.OpenModel(c.String("model"), c.Int("threads"))
	if err != nil {
		return err
	}
	defer m.Close()
	for _, f := range m.Facts {
		v.Note(f)
	}
	each, end := printers(c, format, m)
	answers, err := predictAll(c, v, m, files, each)
	if err == nil {
		err = end(answers)
	}
	if err != nil {
		return err
	}
	return unanswered(answers)
}

// printers are what prints an answer as it comes, nil for nothing, and all of
// them in the end: lines can be printed at once, columns cannot.
func printers(c *cli.Context, format string, m *finetune.Model) (each func(finetune.Prediction) error, end func([]finetune.Prediction) error) {
	w := c.App.Writer
	switch {
	case c.Bool("per-patient"):
		return nil, func(all []finetune.Prediction) error { return printPatients(w, format, m, all) }
	case format == "csv":
		return csvPrinter(w), func([]finetune.Prediction) error { return nil }
	case format == "jsonl":
		e := json.NewEncoder(w)
		return func(p finetune.Prediction) error { return e.Encode(p) }, func([]finetune.Prediction) error { return nil }
	}
	return nil, func(all []finetune.Prediction) error { return printTable(w, all) }
}

// unanswered is an error when files could not be read: a script must notice.
func unanswered(answers []finetune.Prediction) error {
	n := 0
	for _, a := range answers {
		if a.Error != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d files could not be read and have no answer (tl data check FOLDER says why)", n, len(answers))
}

// predictAll collects every answer, each printed by each unless that is nil,
// and warns of the files without one.
func predictAll(c *cli.Context, v *voice, m *finetune.Model, files []string, each func(finetune.Prediction) error) ([]finetune.Prediction, error) {
	if each == nil || !isTerminal(c.App.Writer) { // answers on the terminal are progress enough
		v.Begin("predicting", "images", len(files))
	}
	var out []finetune.Prediction
	for p, err := range m.Predict(c.Context, files) {
		if err == nil && each != nil {
			err = each(p)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
		v.Advance(len(out))
	}
	v.End()
	for _, p := range out {
		if p.Error != "" {
			v.Warn(p.Error)
		}
	}
	return out, nil
}

func printTable(w io.Writer, answers []finetune.Prediction) error {
	t := report.Table{Columns: []string{"file", "label", "probability"}, Align: "llr"}
	for _, p := range answers {
		if p.Error != "" {
			t.Add(p.Path, "unreadable", "")
			continue
		}
		t.Add(p.Path, p.Label, report.Number(p.Probability, 4))
	}
	return t.Text(w)
}

// csvPrinter prints answers as they come: what is printed stays after Ctrl-C.
func csvPrinter(w io.Writer) func(finetune.Prediction) error {
	out := csv.NewWriter(w)
	out.Write([]string{"path", "group", "label", "probability", "error"})
	return func(p finetune.Prediction) error {
		prob := strconv.FormatFloat(p.Probability, 'g', 9, 32)
		if p.Error != "" {
			prob = ""
		}
		out.Write([]string{p.Path, p.Group, p.Label, prob, p.Error})
		out.Flush()
		return out.Error()
	}
}

// patientLine is one line of --per-patient --format jsonl.
type patientLine struct {
	Patient string  `json:"patient"`
	Images  int     `json:"images"`
	Called  int     `json:"called"` // of the positive class
	Share   float64 `json:"share"`
	Mean    float64 `json:"mean_probability"`
}

// printPatients rolls the answers up: cells, cells called positive, mean
// probability of each patient.
func printPatients(w io.Writer, format string, m *finetune.Model, answers []finetune.Prediction) error {
	called := m.Positive
	if called == "" {
		called = "other than " + m.Classes[0]
	}
	t := report.Table{Columns: []string{"patient", "images", "called " + called, "share", "mean probability"}}
	lines := json.NewEncoder(w)
	for _, g := range finetune.RollUp(m, answers) {
		share := float64(g.Called) / float64(g.Images)
		switch format {
		case "jsonl":
			if err := lines.Encode(patientLine{g.Group, g.Images, g.Called, share, g.Mean}); err != nil {
				return err
			}
		case "csv":
			t.Add(g.Group, strconv.Itoa(g.Images), strconv.Itoa(g.Called), report.Number(share, 4), report.Number(g.Mean, 4))
		default:
			name := g.Group
			if name == "" {
				name = "(no patient in the name)"
			}
			t.Add(name, strconv.Itoa(g.Images), strconv.Itoa(g.Called), report.Percent(share, 1), report.Number(g.Mean, 4))
		}
	}
	switch format {
	case "jsonl":
		return nil
	case "csv":
		return t.CSV(w)
	}
	return t.Text(w)
}
