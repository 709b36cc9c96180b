package finetune

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/dataset"
)

// Evaluate scores the model on labelled images. only is "" for all of them, or
// "val" or "test" for those of a manifest's split. Corrections of o are applied
// first; the figures by the labels as given stand beside.
func (m *Model) Evaluate(ctx context.Context, o DataOptions, only string, p Progress) (*Evaluation, error) {
	if o.Path == "" {
		return nil, fmt.Errorf("no images: wants a folder or a manifest (--data)")
	}
	split, err := dataset.ParseSplit(only)
	if err != nil {
		return nil, err
	}
	o.Positive = "" // the model says which, below
	d, err := scan(ctx, o, p)
	if err != nil {
		return nil, err
	}
	for _, w := range d.Warnings {
		p.Warn(w)
	}
	if err := m.fits(d); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Path, err)
	}
	d.set.Positive = slices.Index(d.Classes(), m.Positive) // -1 for more than two classes
	if err := d.correct(); err != nil {
		return nil, err
	}
	items, err := d.only(split)
	if err != nil {
		return nil, err
	}
	if n := m.trainedOn(d, items); n > 0 {
		p.Warn(fmt.Sprintf("%d of the %d images were used to train this model: the figures are too good", n, len(items)))
	}
	s, err := m.score(ctx, d, items, p)
	if err != nil {
		return nil, err
	}
	e, err := s.evaluate(o.Path, Threshold{Rule: "stored in the model", Threshold: m.Threshold})
	if err != nil {
		return nil, err
	}
	return e, s.tellCorrections(e, split)
}

// trainedOn counts the items that the model has learned from.
func (m *Model) trainedOn(d *Data, items []int) int {
	n := 0
	for _, i := range items {
		if _, seen := slices.BinarySearch(m.seen, d.set.Items[i].SHA256[:2*seenBytes]); seen {
			n++
		}
	}
	return n
}

// fits returns an error when the classes of d are not the model's.
func (m *Model) fits(d *Data) error {
	want, got := slices.Sorted(slices.Values(m.Classes)), slices.Sorted(slices.Values(d.Classes()))
	if !slices.Equal(want, got) {
		return fmt.Errorf("holds the classes %s, the model knows %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	return nil
}

// only returns the items of a split, or all for Unassigned.
func (d *Data) only(split dataset.Split) ([]int, error) {
	if split == dataset.Unassigned {
		return d.all(), nil
	}
	out := d.set.Indices(split)
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no image is in the split %s (a run's split.csv and train/val/test folders name splits)", d.set.Root, split)
	}
	return out, nil
}

// score predicts items of d, in the order of d's labels.
func (m *Model) score(ctx context.Context, d *Data, items []int, p Progress) (*scored, error) {
	files := make([]string, len(items))
	for i, k := range items {
		files[i] = filepath.Join(d.set.Root, filepath.FromSlash(d.set.Items[k].Path))
	}
	at := make([]int, len(m.Classes)) // label → output of the model
	for l, name := range d.labelNames() {
		at[l] = slices.Index(m.Classes, name)
	}
	s := &scored{data: d, items: items, labels: d.labels(items)}
	p.Begin("predicting", "images", len(files))
	defer p.End()
	if err := m.prepare(ctx, min(predictBatch, len(items))); err != nil {
		return nil, err
	}
	// As when training, a file must be the one that was scanned.
	for b, err := range d.set.Batches(ctx, dataset.BatchOptions{Batch: m.in.Shape[0], Size: m.Size, Indices: items}) {
		if err != nil {
			return nil, err
		}
		n := len(b.Indices)
		answers, err := m.answer(ctx, loaded{files: files[len(s.prob):][:n], pixels: b.Pixels, errs: make([]error, n)})
		if err != nil {
			return nil, err
		}
		for _, a := range answers {
			s.prob = append(s.prob, a.inOrder(at))
		}
		p.Advance(len(s.prob))
	}
	return s, nil
}

// inOrder returns the probabilities of all classes, label l's of output at[l].
func (a Prediction) inOrder(at []int) []float64 {
	prob := a.Probabilities
	if prob == nil {
		prob = []float64{1 - a.Probability, a.Probability}
	}
	row := make([]float64, len(at))
	for l, k := range at {
		row[l] = math.Min(1, prob[k])
	}
	return row
}

// PatientRow is the roll-up of one patient's images.
type PatientRow struct {
	Group  string
	Images int     // answered
	Called int     // of the positive class; of any but the first for more than two classes
	Mean   float64 // mean probability
}

// RollUp sums the answers up by patient, in order of name. Answers without a
// patient are summed up under "".
func RollUp(m *Model, answers []Prediction) []PatientRow {
	rows := map[string]*PatientRow{}
	for _, a := range answers {
		if a.Error != "" {
			continue
		}
		r := rows[a.Group]
		if r == nil {
			r = &PatientRow{Group: a.Group}
			rows[a.Group] = r
		}
		r.Images++
		r.Mean += a.Probability
		if a.Label != m.Classes[0] {
			r.Called++
		}
	}
	var out []PatientRow
	for _, r := range rows {
		r.Mean /= float64(r.Images)
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b PatientRow) int { return strings.Compare(a.Group, b.Group) })
	return out
}
