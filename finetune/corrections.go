package finetune

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/metrics"
	"github.com/tlkit/tl/internal/report"
)

// correctionsFile is the run's own copy of the corrections that it began with.
const correctionsFile = "corrections.csv"

// correct applies the corrections to the images, which are split already: none
// moves into another part.
func (d *Data) correct() (err error) {
	if d.corrections != nil {
		d.corrected, err = d.set.Correct(d.corrections)
	}
	return err
}

// correctedWords is a line that says what corrections did, none without.
func (d *Data) correctedWords() []string {
	if d.corrections == nil {
		return nil
	}
	return []string{d.corrected.Words}
}

// asGiven is s with the labels that the data gave before corrections, nil where
// they are the same.
func (s *scored) asGiven() *scored {
	out := *s
	out.labels = slices.Clone(s.labels)
	same := true
	for i, k := range s.items {
		if c, ok := s.data.corrected.Former[s.data.set.Items[k].Path]; ok {
			out.labels[i], same = s.data.labelOf(c), false
		}
	}
	if same {
		return nil
	}
	return &out
}

// tellCorrections adds to the evaluation of s, the images of a split or of all
// for Unassigned, what corrections did to it.
func (s *scored) tellCorrections(e *Evaluation, split dataset.Split) (err error) {
	e.Corrections = s.data.corrected.Words
	for _, it := range s.data.corrected.Dropped {
		if split == dataset.Unassigned || it.Split == split {
			e.LeftOut++
		}
	}
	if given := s.asGiven(); given != nil {
		e.Given, err = given.evaluate(e.Images+", labels as given", e.Threshold)
	}
	return err
}

// givenHead begins the figures by the labels as given.
func (e *Evaluation) givenHead() string {
	return e.Images + ": labels were corrected; corrections that a model helped to find flatter models like it. By the labels as given"
}

// leftOutWords says how many images corrections dropped, "" for none.
func (e *Evaluation) leftOutWords() string {
	if e.LeftOut == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s images were left out by corrections and are in no figure: where they were hard, all figures flatter.", e.Images, report.Count(e.LeftOut))
}

// givenWords says for a terminal what corrections did to the figures, "" where
// nothing.
func (e *Evaluation) givenWords() (words string) {
	if e.Given != nil {
		words = fmt.Sprintf("\n%s:\n%v", e.givenHead(), report.MetricTable(e.Given.figures()))
	}
	if left := e.leftOutWords(); left != "" {
		words += "\n" + left + "\n"
	}
	return words
}

// givenLines are the same for the page of a model of that name.
func (e *Evaluation) givenLines(model string) (lines []string) {
	if left := e.leftOutWords(); left != "" {
		lines = append(lines, left)
	}
	if e.Given == nil {
		return lines
	}
	line := e.givenHead() + " " + model + " has:"
	list, _ := e.Given.figures()
	for _, m := range list {
		line += fmt.Sprintf(" %s %s;", m.Title, report.Interval(m.Value))
	}
	return append(lines, strings.TrimSuffix(line, ";"))
}

// figures are those of either kind, and the level of their intervals.
func (e *Evaluation) figures() ([]metrics.Metric, float64) {
	if e.Multi != nil {
		return e.Multi.Metrics(), e.Multi.Level
	}
	return e.Metrics.Metrics(), e.Metrics.Level
}

// keepCorrections copies the corrections into the folder, so that the run goes
// on with what it began with.
func (f *Folder) keepCorrections(d *Data) error {
	if d.correctionsText == nil {
		return nil
	}
	return writeFile(f.file(correctionsFile), d.correctionsText)
}

// data is o with the folder's own copy of the corrections.
func (f *Folder) data(o DataOptions) DataOptions {
	if o.Corrections == "" {
		return o
	}
	if _, err := os.Stat(f.file(correctionsFile)); !errors.Is(err, fs.ErrNotExist) {
		o.Corrections = f.file(correctionsFile)
	}
	return o
}
