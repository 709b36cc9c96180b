package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// Drop is the decision of a correction that leaves an image out.
const Drop = "drop"

// Correction is what somebody who looked again decided on one image.
type Correction struct {
	Path     string // as the data set names it: relative to its root, with slashes
	Label    string // that the decision was made on; "" where the file does not say
	SHA256   string // of the image that was looked at; "" where the file does not say
	Decision string // a class, or Drop
	at       string // file and line, for errors
}

// ReadCorrections reads a table with a header: the columns path and decision,
// and if known label and sha256, in any order; others are for people. A
// decision is a class's name, "drop", or empty: then the line says nothing.
// Comma, semicolon or tab separate, as spreadsheets of different countries
// write them.
//
// Errors name file and line: no header, an empty or leaving path, two
// decisions on one image.
func ReadCorrections(file string) ([]Correction, error) {
	list, _, err := LoadCorrections(file)
	return list, err
}

// LoadCorrections is ReadCorrections, with the file's bytes.
func LoadCorrections(file string) ([]Correction, []byte, error) {
	b, err := readCapped(file, maxCSV)
	if err != nil {
		return nil, nil, err
	}
	list, err := parseCorrections(file, b)
	return list, b, err
}

func parseCorrections(file string, b []byte) ([]Correction, error) {
	rows, err := readRows(file, b)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: is empty; wants a header with the columns path and decision (tl review writes such a table)", file)
	}
	at := map[string]int{}
	for i, name := range rows[0].fields {
		name = strings.ToLower(strings.TrimSpace(name))
		if ours, ok := columns[name]; ok {
			name = ours
		}
		if _, twice := at[name]; !twice {
			at[name] = i
		}
	}
	for _, want := range []string{"path", "decision"} {
		if _, ok := at[want]; !ok {
			return nil, fmt.Errorf("%s:%d: wants a header with the columns path and decision (tl review writes such a table), found %q",
				file, rows[0].line, strings.Join(rows[0].fields, ","))
		}
	}
	var out []Correction
	seen := map[string]string{}
	for _, r := range rows[1:] {
		get := func(column string) string {
			if i, ok := at[column]; ok && i < len(r.fields) {
				return strings.TrimSpace(r.fields[i])
			}
			return ""
		}
		c := Correction{Label: get("label"), SHA256: strings.ToLower(get("sha256")), Decision: get("decision"), at: fmt.Sprintf("%s:%d", file, r.line)}
		if c.Decision == "" {
			continue
		}
		if get("path") == "" {
			return nil, fmt.Errorf("%s: a decision without a path", c.at)
		}
		if c.Path, err = localPath(get("path")); err != nil {
			return nil, fmt.Errorf("%s: %w", c.at, err)
		}
		if before, ok := seen[c.Path]; ok {
			return nil, fmt.Errorf("%s: %s is decided on already, in %s (leave one of the lines out)", c.at, c.Path, before)
		}
		seen[c.Path] = c.at
		out = append(out, c)
	}
	return out, nil
}

// Corrected is what Correct changed.
type Corrected struct {
	Former  map[string]int // class before, by path, of each image whose class changed
	Dropped []Item         // images that were left out
	Words   string         // how many of each, and in which split
}

// Correct gives images the classes that were decided on and leaves out those to
// drop. Splits stay. Where it returns an error, nothing changed.
//
// Errors name file and line: an image that is not in the data set, has another
// label or other bytes than was decided on, or a decision that is no class.
func (d *Dataset) Correct(list []Correction) (c Corrected, err error) {
	class, err := d.decided(list)
	if err != nil {
		return c, err
	}
	c.Former = map[string]int{}
	var changed, dropped [Test + 1]int // by split
	kept := make([]Item, 0, len(d.Items))
	for i, it := range d.Items {
		k, decided := class[i]
		switch {
		case decided && k < 0:
			c.Dropped = append(c.Dropped, it)
			dropped[it.Split]++
			continue
		case decided && k != it.Class:
			c.Former[it.Path], it.Class = it.Class, k
			changed[it.Split]++
		}
		kept = append(kept, it)
	}
	c.Words = fmt.Sprintf("corrections: %d labels changed, %d images left out", len(c.Former), len(c.Dropped))
	sep := ": "
	for _, s := range []Split{Train, Val, Test} {
		if changed[s]+dropped[s] > 0 {
			c.Words += fmt.Sprintf("%s%s %d and %d", sep, s, changed[s], dropped[s])
			sep = ", "
		}
	}
	d.Items = kept
	d.sort()
	return c, nil
}

// decided is the class of each place in Items that was decided on, -1 to drop.
func (d *Dataset) decided(list []Correction) (map[int]int, error) {
	at := make(map[string]int, len(d.Items))
	for i := range d.Items {
		at[d.Items[i].Path] = i
	}
	class := map[int]int{}
	for _, c := range list {
		i, ok := at[c.Path]
		if !ok {
			return nil, fmt.Errorf("%s: no image %s is in %s (paths are relative to the folder of the data)", c.at, c.Path, d.Root)
		}
		it := &d.Items[i]
		if c.Label != "" && c.Label != d.className(it.Class) {
			return nil, fmt.Errorf("%s: %s was looked at as %s, but its label is %s (correct it by one way only: in the data or here)", c.at, c.Path, c.Label, d.className(it.Class))
		}
		if c.SHA256 != "" && it.SHA256 != "" && c.SHA256 != it.SHA256 {
			return nil, fmt.Errorf("%s: %s is another image than the one that was looked at (review it again, or leave the line out)", c.at, c.Path)
		}
		if class[i] = slices.Index(d.Classes, c.Decision); class[i] < 0 && !strings.EqualFold(c.Decision, Drop) {
			return nil, fmt.Errorf("%s: %s is decided to be %q, which is no class (wants one of %s, or %s)", c.at, c.Path, c.Decision, strings.Join(d.Classes, ", "), Drop)
		}
	}
	return class, nil
}
