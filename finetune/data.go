package finetune

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tlkit/tl/internal/dataset"
)

// DataOptions says where the labelled images are and how to split them. The
// zero value, with Path set, splits by patient where the files name patients.
type DataOptions struct {
	Path     string  `json:"path"`      // class folders, train/val/test folders, or a CSV manifest
	Root     string  `json:"root"`      // folder that a manifest's paths are relative to; "": the manifest's own, of a run's split.csv the run's images
	Positive string  `json:"positive"`  // class that counts as positive; "" when it is recognised
	Split    string  `json:"split"`     // "group", "random", "keras" or "given"; "" is group where groups are known
	Val      float64 `json:"val"`       // share of images for validation; 0 is 0.15
	Test     float64 `json:"test"`      // share for the test; 0 is 0.15 (none where Val is given for a random or keras split), negative is none
	Group    string  `json:"group"`     // regular expression whose first group in a file name is the patient
	GroupCSV string  `json:"group_csv"` // table file,group
	NoGroups bool    `json:"no_groups"` // do not look for patients in file names
	SkipBad  bool    `json:"skip_bad"`  // leave unreadable images out instead of stopping
	Seed     uint64  `json:"seed"`      // of the split
	Folds    int     `json:"folds"`     // of a cross-validation, of which Fold is one; 0 is none
	Fold     int     `json:"fold"`      // from 1

	Corrections string `json:"corrections"` // table of labels that were looked at again (dataset.ReadCorrections); "" is none
}

// Resolved fills in the defaults. The rules that let patients straddle are the
// lecture's, which had no test images: there --val alone means none.
func (o DataOptions) Resolved() DataOptions {
	if (o.Split == "random" || o.Split == "keras") && o.Val != 0 && o.Test == 0 {
		o.Test = -1
	}
	def(&o.Val, 0.15)
	def(&o.Test, 0.15)
	return o
}

// check refuses a split that cannot be, before any image is read.
func (o DataOptions) check() error {
	if !slices.Contains([]string{"", "group", "random", "keras", "given"}, o.Split) {
		return fmt.Errorf("--split %s: wants one of group, random, keras, given", o.Split)
	}
	if v, t := o.Val, max(0, o.Test); !(v >= 0 && t < 1 && v+t < 1) {
		return fmt.Errorf("--val %g and --test %g: wants shares from 0 that leave something for training", v, t)
	}
	return nil
}

// Data is a set of labelled images, scanned and then split.
type Data struct {
	Warnings []string // what may spoil the result, e.g. patients in two splits
	Facts    []string // what was found, in words

	set       *dataset.Dataset
	generated bool // made by tl data make: no real cells

	corrections     []dataset.Correction
	correctionsText []byte            // of the file that they are of
	corrected       dataset.Corrected // what they changed
}

// OpenData scans a folder or a manifest, decodes every image once to find the
// bad ones, and splits it. A split by group in which a patient straddles is an
// error.
func OpenData(ctx context.Context, o DataOptions, p Progress) (*Data, error) {
	d, err := scan(ctx, o, p)
	if err != nil {
		return nil, err
	}
	return d.split(o)
}

// scan finds and decodes the images of o and words what may spoil a result.
func scan(ctx context.Context, o DataOptions, p Progress) (*Data, error) {
	if err := o.Resolved().check(); err != nil {
		return nil, err
	}
	root, err := o.root()
	if err != nil {
		return nil, err
	}
	var corrections []dataset.Correction
	var text []byte
	if o.Corrections != "" {
		if corrections, text, err = dataset.LoadCorrections(o.Corrections); err != nil {
			return nil, err
		}
	}
	begun := false
	set, report, err := dataset.Scan(ctx, o.Path, dataset.ScanOptions{
		Root: root, Positive: o.Positive, GroupRegex: o.Group, GroupCSV: o.GroupCSV, NoGroups: o.NoGroups, SkipBad: o.SkipBad,
		Progress: func(done, total int) {
			if !begun {
				p.Begin("reading images", "images", total)
				begun = true
			}
			p.Advance(done)
		},
	})
	if begun {
		p.End()
	}
	if err != nil {
		return nil, err
	}
	w := append(badFiles(report), report.Warnings...)
	return &Data{set: set, generated: report.Generated, Warnings: w, corrections: corrections, correctionsText: text}, nil
}

// split is what was scanned, split and then corrected, with words on what was
// found; d stays as it is.
func (d *Data) split(o DataOptions) (*Data, error) {
	o = o.Resolved()
	out, set := *d, *d.set
	set.Items = slices.Clone(set.Items)
	out.set = &set
	warnings, err := set.Assign(dataset.SplitOptions{Rule: o.Split, Val: o.Val, Test: max(0, o.Test), Seed: o.Seed, Folds: o.Folds, Fold: o.Fold})
	if err != nil {
		return nil, err
	}
	if err := set.CheckLeak(); err != nil {
		return nil, fmt.Errorf("%w (--split group splits anew and keeps patients apart)", err)
	}
	out.Warnings = slices.Concat(d.Warnings, warnings)
	if err := out.correct(); err != nil {
		return nil, err
	}
	if len(set.Indices(dataset.Test)) == 0 {
		out.Warnings = append(out.Warnings, "there are no test images: the figures are of the validation images, which also chose the best epoch and the threshold, so they are too good")
	}
	out.Facts = append(out.describe(), out.correctedWords()...)
	return &out, nil
}

// root returns the folder that the paths of a manifest are relative to, "" for
// the manifest's own. The split.csv of a run speaks of the run's images.
func (o DataOptions) root() (string, error) {
	if o.Root != "" || filepath.Base(o.Path) != splitFile {
		return o.Root, nil
	}
	folder := filepath.Dir(o.Path)
	if _, err := os.Stat(filepath.Join(folder, settingsFile)); err != nil {
		return "", nil // a manifest of that name which is no run's
	}
	s, err := readSettings(folder)
	return s.Images, err
}

// badFiles words the images that were left out and the files that are no images.
func badFiles(r *dataset.Report) []string {
	var out []string
	for _, b := range r.Bad {
		out = append(out, fmt.Sprintf("left out %s (%d bytes): %s", b.Path, b.Bytes, b.Reason))
	}
	if n := len(r.Other); n > 0 {
		out = append(out, fmt.Sprintf("%d files are no images and were left out, the first is %s", n, r.Other[0]))
	}
	return out
}

// describe words the images, classes, patients and splits.
func (d *Data) describe() []string {
	groups := ""
	if d.set.GroupRule != "" {
		groups = fmt.Sprintf(" of %d groups (%s)", len(d.groups(d.all())), d.set.GroupRule)
	}
	facts := []string{fmt.Sprintf("found %d images in %d classes%s", len(d.set.Items), len(d.set.Classes), groups)}
	if d.set.Positive >= 0 {
		facts = append(facts, fmt.Sprintf("positive class: %s (%s)", d.set.Classes[d.set.Positive], d.set.PositiveWhy))
	}
	line := "split (" + d.set.SplitRule + "):"
	for _, s := range []dataset.Split{dataset.Train, dataset.Val, dataset.Test} {
		idx := d.set.Indices(s)
		line += fmt.Sprintf(" %s %d", s, len(idx))
		if d.set.GroupRule != "" {
			line += fmt.Sprintf(" (%d groups)", len(d.groups(idx)))
		}
	}
	return append(facts, line)
}

// all returns every item.
func (d *Data) all() []int {
	out := make([]int, len(d.set.Items))
	for i := range out {
		out[i] = i
	}
	return out
}

// groups returns the set of groups of the given items.
func (d *Data) groups(idx []int) map[string]bool {
	seen := map[string]bool{}
	for _, i := range idx {
		seen[d.set.Items[i].Group] = true
	}
	return seen
}

// everyClass returns an error when training or validation lacks a class: such
// a split cannot be learned from, or no threshold can be chosen on it.
func (d *Data) everyClass() error {
	for _, split := range []dataset.Split{dataset.Train, dataset.Val} {
		count := make([]int, len(d.Classes()))
		for _, i := range d.set.Indices(split) {
			count[d.label(i)]++
		}
		for label, n := range count {
			if n == 0 {
				return fmt.Errorf("%s: no %s image is in the split %s (another --split-seed, a larger --val, or --split random, which lets patients straddle)",
					d.set.Root, d.labelNames()[label], split)
			}
		}
	}
	return nil
}

// Classes returns the class names; labels are indices into it.
func (d *Data) Classes() []string { return d.set.Classes }

// label is what the trainable part learns for item i: 1 for the positive class
// of two, else the class's index.
func (d *Data) label(i int) int { return d.labelOf(d.set.Items[i].Class) }

// labelOf is the label of a class.
func (d *Data) labelOf(class int) int {
	if d.set.Positive >= 0 {
		if class == d.set.Positive {
			return 1
		}
		return 0
	}
	return class
}

// seen returns what an exported model remembers of its training images.
func (d *Data) seen() []string {
	var out []string
	for _, i := range d.set.Indices(dataset.Train) {
		out = append(out, d.set.Items[i].SHA256[:2*seenBytes])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// labels returns the label of every item of idx.
func (d *Data) labels(idx []int) []int {
	out := make([]int, len(idx))
	for i, k := range idx {
		out[i] = d.label(k)
	}
	return out
}

// labelNames returns the class names in the order of labels.
func (d *Data) labelNames() []string {
	if d.set.Positive >= 0 {
		return []string{d.set.Classes[1-d.set.Positive], d.set.Classes[d.set.Positive]}
	}
	return d.set.Classes
}
