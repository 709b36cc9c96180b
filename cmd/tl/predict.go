package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
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
		Description: "tl predict --model runs/resnet50-1/model.onnx images/ > answers.csv --format csv\n" +
			"tl predict --model model.onnx --per-patient images/",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "`FILE` that tl exported", Required: true},
			&cli.StringFlag{Name: "format", Usage: "table, csv or jsonl", Value: "table"},
			&cli.BoolFlag{Name: "per-patient", Usage: "one line a patient, where file names tell them"},
			&cli.IntFlag{Name: "threads", Usage: "`N` threads (default: all cores)"},
		},
		Action: func(c *cli.Context) error { return predictAction(c, v) },
	}
}

func predictAction(c *cli.Context, v *voice) error {
	if !c.Args().Present() {
		return usageError{fmt.Errorf("no images (tl predict --model model.onnx FOLDER)")}
	}
	print, ok := map[string]func(io.Writer, *finetune.Model, []finetune.Prediction) error{
		"table": printTable, "csv": printCSV, "jsonl": printLines}[c.String("format")]
	if !ok {
		return usageError{fmt.Errorf("--format %s: wants table, csv or jsonl", c.String("format"))}
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
	answers, err := predictAll(c, v, m, files)
	if err != nil {
		return err
	}
	if c.Bool("per-patient") {
		return printPatients(c.App.Writer, m, answers)
	}
	return print(c.App.Writer, m, answers)
}

// predictAll collects every answer and counts the files without one.
func predictAll(c *cli.Context, v *voice, m *finetune.Model, files []string) ([]finetune.Prediction, error) {
	v.Begin("predicting", "images", len(files))
	var out []finetune.Prediction
	for p, err := range m.Predict(c.Context, files) {
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

func printTable(w io.Writer, m *finetune.Model, answers []finetune.Prediction) error {
	t := report.Table{Columns: []string{"file", "label", "probability"}, Align: "llr"}
	for _, p := range answers {
		if p.Error != "" {
			t.Add(filepath.Base(p.Path), "unreadable", "")
			continue
		}
		t.Add(filepath.Base(p.Path), p.Label, report.Number(p.Probability, 4))
	}
	return t.Text(w)
}

func printCSV(w io.Writer, m *finetune.Model, answers []finetune.Prediction) error {
	out := csv.NewWriter(w)
	out.Write([]string{"path", "group", "label", "probability", "error"})
	for _, p := range answers {
		prob := strconv.FormatFloat(p.Probability, 'g', 9, 32)
		if p.Error != "" {
			prob = ""
		}
		out.Write([]string{p.Path, p.Group, p.Label, prob, p.Error})
	}
	out.Flush()
	return out.Error()
}

func printLines(w io.Writer, m *finetune.Model, answers []finetune.Prediction) error {
	e := json.NewEncoder(w)
	for _, p := range answers {
		if err := e.Encode(p); err != nil {
			return err
		}
	}
	return nil
}

// printPatients rolls the answers up: cells, cells called positive, mean
// probability of each patient.
func printPatients(w io.Writer, m *finetune.Model, answers []finetune.Prediction) error {
	t := report.Table{Columns: []string{"patient", "images", "called " + m.Positive, "share", "mean probability"}}
	for _, g := range finetune.RollUp(m, answers) {
		t.Add(g.Group, strconv.Itoa(g.Images), strconv.Itoa(g.Called), report.Percent(float64(g.Called)/float64(g.Images), 1), report.Number(g.Mean, 4))
	}
	return t.Text(w)
}
