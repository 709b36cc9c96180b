package finetune

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"

	"github.com/tlkit/tl/internal/metrics"
	"github.com/tlkit/tl/internal/report"
)

// write puts the outcome into the run folder: figures, scores, pictures, page.
func (r *run) write(out *Outcome, t *trainer) error {
	if err := writeJSON(r.folder.file(resultFile), out); err != nil {
		return err
	}
	if err := writeFile(r.folder.file(scoresFile), out.scores()); err != nil {
		return err
	}
	if err := r.curves(t); err != nil {
		return err
	}
	if err := r.pictures(out); err != nil {
		return err
	}
	return r.page(out)
}

// scores lists the probability of every validation and test image.
func (out *Outcome) scores() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head := []string{"split", "path", "group", "label"}
	for _, c := range out.Classes {
		head = append(head, "p_"+c)
	}
	w.Write(head)
	for _, s := range []*scored{out.val, out.test} {
		if s == nil {
			continue
		}
		for _, i := range s.byPath() {
			it := s.data.set.Items[s.items[i]]
			row := []string{it.Split.String(), it.Path, it.Group, out.Classes[s.labels[i]]}
			for _, p := range s.prob[i] {
				row = append(row, strconv.FormatFloat(p, 'g', 9, 64))
			}
			w.Write(row)
		}
	}
	w.Flush() // a buffer never fails
	return b.Bytes()
}

// curves draws the learning curves as PNG and SVG.
func (r *run) curves(t *trainer) error {
	h := report.History{Title: r.modelName(), Metric: "validation AUC", Best: t.state.Best}
	for _, e := range t.state.History {
		h.Epochs = append(h.Epochs, report.Epoch{Number: e.Epoch, TrainLoss: e.TrainLoss, ValLoss: e.ValLoss,
			TrainMetric: math.NaN(), ValMetric: e.ValAUC, Rate: e.LearningRate})
	}
	for _, name := range []string{"curves.png", "curves.svg"} {
		if err := report.Curves(r.folder.file(name), h); err != nil {
			return err
		}
	}
	return nil
}

// pictures draws confusion matrix and, for two classes, the curves of the test
// images; of the validation images where there is no test.
func (r *run) pictures(out *Outcome) error {
	e, s := out.last()
	title := out.Model + ", " + e.Images
	if e.Multi != nil {
		return report.Confusion(r.folder.file("confusion.png"), report.ConfusionPlot{Title: title, Classes: out.Classes, Counts: e.Multi.Confusion})
	}
	m := s.binary()
	positiveFirst := []string{out.Classes[1], out.Classes[0]}
	if err := report.Confusion(r.folder.file("confusion.png"), report.ConfusionPlot{Title: title, Classes: positiveFirst, Counts: report.Counts(e.Metrics.Confusion)}); err != nil {
		return err
	}
	roc := report.ROCCurve{Name: out.Model, Points: metrics.ROC(m.Scores, m.Labels), AUC: e.Metrics.AUC}
	if err := report.ROC(r.folder.file("roc.png"), title, roc); err != nil {
		return err
	}
	pr := report.PRCurve{Name: out.Model, Points: metrics.PR(m.Scores, m.Labels), AP: e.Metrics.AveragePrecision}
	share := float64(e.Metrics.Positives) / float64(e.Metrics.Images)
	if err := report.PR(r.folder.file("precision-recall.png"), title, share, pr); err != nil {
		return err
	}
	return report.Reliability(r.folder.file("reliability.png"), title, out.Positive, metrics.Reliability(m.Scores, m.Labels, 10))
}

// last returns the evaluation that counts: the test's, else the validation's.
func (out *Outcome) last() (*Evaluation, *scored) {
	if out.Test != nil {
		return out.Test, out.test
	}
	return out.Val, out.val
}

// Summary is the outcome for a terminal.
func (out *Outcome) Summary() string {
	e, _ := out.last()
	s := fmt.Sprintf("%s: best epoch %d of %d, %s trainable parameters, %s, peak memory %s\n",
		out.Model, out.BestEpoch, out.Epochs, report.Count(int(out.Trainable)), report.Seconds(out.Seconds), report.Bytes(out.PeakMemory))
	if p := out.Precision; p != nil && p.Name != "f32" {
		s += fmt.Sprintf("precision: %v\n", p)
	}
	return s + "\n" + e.Summary(out.Classes) + "\nrun folder: " + out.Folder
}

// Summary is the evaluation for a terminal.
func (e *Evaluation) Summary(classes []string) string {
	list, level := e.figures()
	if e.Multi != nil {
		return fmt.Sprintf("%s: %d images\n%s%v\n%v\n%s", e.Images, e.Multi.Images, e.notes(),
			report.MetricTable(list, level), report.ConfusionTable(classes, e.Multi.Confusion), notice) + e.givenWords()
	}
	m := e.Metrics
	over := fmt.Sprintf("%d images", m.Images)
	if m.Groups > 0 {
		over += fmt.Sprintf(" of %d patients", m.Groups)
	}
	words := report.NoDiagnosis
	if report.IsSmear(classes[1]) {
		words = report.SmearWords(0, m) + "\n" + words
	}
	return fmt.Sprintf("%s: %s, positive class %s, threshold %.4g (%s)\n%s\n%v\n%v\n%s",
		e.Images, over, classes[1], e.Threshold.Threshold, e.Threshold.Rule, e.notes(), report.MetricTable(list, level),
		report.ConfusionTable([]string{classes[1], classes[0]}, report.Counts(m.Confusion)), words) + e.givenWords()
}

// notes are the lines on the labels and on where the figures are weak, e.g.
// that there are too few patients for more than rough intervals.
func (e *Evaluation) notes() string {
	var notes []string
	switch {
	case e.Metrics != nil:
		notes = e.Metrics.Notes
	case e.Multi != nil:
		notes = e.Multi.Notes
	}
	out := ""
	if e.Corrections != "" {
		out = e.Corrections + "\n"
	}
	for _, n := range notes {
		out += "note: " + n + "\n"
	}
	return out
}
