package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ScanOptions says how to read a folder. The zero value works.
type ScanOptions struct {
	Root       string // folder that a manifest's paths are relative to; "" = the manifest's own
	Positive   string // class that a probability speaks of; "" = recognise it
	GroupRegex string // its first capture group in the file name (or, if some names do not match, in the relative path)
	GroupCSV   string // file(s) with columns file,group; several separated by commas
	NoGroups   bool   // do not recognise groups
	SkipBad    bool   // leave bad pictures out instead of failing
	Limits     Limits // caps on each picture
	Workers    int    // pictures decoded at a time; 0 = all cores
	Progress   func(done, total int)
}

// Report says what Scan saw besides good pictures.
type Report struct {
	Ignored  []string  // known junk: Thumbs.db, .DS_Store, hidden files, __MACOSX, a nested copy of the class folders
	Other    []string  // everything else that is no picture
	Bad      []BadFile // pictures that do not decode
	Warnings []string  // in words, for the user
	Found    int       // pictures found, bad ones included

	Generated bool // the pictures are of Make, not photographs
}

// BadFile is a picture that does not decode.
type BadFile struct {
	Path   string // relative to the root
	Bytes  int64  // size of the file, -1 if unknown
	Reason string
}

// BadError is returned by Scan when pictures are bad and SkipBad is not set.
// Its text names every one of them.
type BadError struct {
	Root string
	Bad  []BadFile
}

// Error lists the bad pictures, one a line.
func (e *BadError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s:", e.Root, count(len(e.Bad), "picture does not decode", "pictures do not decode"))
	for _, f := range e.Bad {
		fmt.Fprintf(&b, "\n  %s (%d bytes) %s", f.Path, f.Bytes, f.Reason)
	}
	return b.String()
}

// Scan reads a folder of class folders, a folder of train/val/test folders, or
// a CSV manifest (columns path and label, optionally group and split, in any
// order; paths relative to Root), decodes every picture once and returns
// the data set and a report. The report is returned with most errors, too.
//
// Errors: nothing to classify (fewer than two classes), bad pictures
// ([*BadError]) unless SkipBad, groups that cannot be found as asked.
func Scan(ctx context.Context, path string, o ScanOptions) (*Dataset, *Report, error) {
	d, report, err := list(path, o.Root)
	if err != nil {
		return nil, report, err
	}
	d.SetLimits(o.Limits)
	report.Found = len(d.Items)
	report.Generated = slices.ContainsFunc(report.Ignored, func(f string) bool { return filepath.Base(f) == generatedNote })
	if err := d.checkClasses(path); err != nil {
		return nil, report, err
	}
	if err := d.findPositive(o.Positive); err != nil {
		return nil, report, err
	}
	if err := d.preflight(ctx, o, report); err != nil {
		return nil, report, err
	}
	if len(report.Bad) > 0 && !o.SkipBad {
		return nil, report, &BadError{Root: path, Bad: report.Bad}
	}
	if err := d.checkNotEmpty(path, report); err != nil {
		return nil, report, err
	}
	if err := d.findGroups(o, report); err != nil {
		return nil, report, err
	}
	d.describe(report)
	return d, report, nil
}

// list finds the pictures without opening them.
func list(path, root string) (*Dataset, *Report, error) {
	report := &Report{}
	st, err := os.Stat(path)
	if err != nil {
		return nil, report, err
	}
	if !st.IsDir() {
		if !strings.EqualFold(filepath.Ext(path), ".csv") {
			return nil, report, fmt.Errorf("%s: wants a folder of class folders or a CSV manifest (path,label,group)", path)
		}
		d, err := listCSV(path)
		if err == nil && root != "" {
			d.Root = root
		}
		return d, report, err
	}
	d, err := listFolder(path, report)
	return d, report, err
}

// checkClasses refuses what cannot be classified.
func (d *Dataset) checkClasses(path string) error {
	switch len(d.Classes) {
	case 0:
		return fmt.Errorf("%s: no pictures in class folders; wants one folder a class, e.g. Parasitized/*.png and Uninfected/*.png", path)
	case 1:
		return fmt.Errorf("%s: only one class (%s); wants at least two class folders", path, d.Classes[0])
	}
	return nil
}

// checkNotEmpty refuses a class of which every picture is bad.
func (d *Dataset) checkNotEmpty(path string, report *Report) error {
	n := make([]int, len(d.Classes))
	for _, it := range d.Items {
		n[it.Class]++
	}
	for c, k := range n {
		if k == 0 {
			return errors.Join(fmt.Errorf("%s: class %s has no picture that decodes", path, d.Classes[c]),
				&BadError{Root: path, Bad: report.Bad})
		}
	}
	return nil
}

// count writes "1 picture" or "3 pictures".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
