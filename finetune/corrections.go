package finetune

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/tlkit/tl/internal/dataset"
)

// correctionsFile is the run's own copy of the corrections that it began with.
const correctionsFile = "corrections.csv"

// correct applies the corrections to the split images, and words what changed.
func (d *Data) correct() error {
	d.former, d.dropped, d.corrected = nil, nil, nil
	if d.corrections == nil {
		return nil
	}
	former, dropped, err := d.set.Correct(d.corrections)
	if err != nil {
		return err
	}
	d.former, d.dropped = former, dropped
	line := fmt.Sprintf("corrections: %d labels changed, %d images left out:", len(former), len(dropped))
	for _, s := range []dataset.Split{dataset.Train, dataset.Val, dataset.Test} {
		changed, out := 0, 0
		for _, i := range d.set.Indices(s) {
			if _, ok := former[d.set.Items[i].Path]; ok {
				changed++
			}
		}
		for _, it := range dropped {
			if it.Split == s {
				out++
			}
		}
		line += fmt.Sprintf(" %s %d and %d", s, changed, out)
	}
	d.corrected = []string{line}
	return nil
}

// asGiven is s with the labels that the data gave before corrections, nil where
// they are the same.
func (s *scored) asGiven() *scored {
	out := *s
	out.labels = slices.Clone(s.labels)
	same := true
	for i, k := range s.items {
		if c, ok := s.data.former[s.data.set.Items[k].Path]; ok {
			out.labels[i], same = s.data.labelOf(c), false
		}
	}
	if same {
		return nil
	}
	return &out
}

// evaluateGiven measures s by the labels before corrections; nil where there
// were none.
func (s *scored) evaluateGiven(e *Evaluation) (*Evaluation, error) {
	given := s.asGiven()
	if given == nil {
		return nil, nil
	}
	return given.evaluate(e.Images+", labels as given", e.Threshold)
}

// leftOut is how many test images of s, or with folds of all, were left out.
func (s *scored) leftOut(folds bool) (n int) {
	for _, it := range s.data.dropped {
		if folds || it.Split == dataset.Test {
			n++
		}
	}
	return n
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
