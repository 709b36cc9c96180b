package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxCSV caps a manifest: 1 GiB is ten million pictures.
const maxCSV = 1 << 30

// columns maps the names that a manifest's header may use to ours.
var columns = map[string]string{
	"path": "path", "file": "path", "filename": "path", "file_name": "path", "image": "path", "image_path": "path",
	"label": "label", "class": "label", "class_name": "label", "target": "label",
	"group": "group", "patient": "group", "patient_id": "group", "patientid": "group", "subject": "group",
	"split": "split", "subset": "split",
	"sha256": "sha256",
}

// listCSV reads a manifest with a header: path and label, optionally group,
// split and sha256 (which the file must have), in any order and with the usual
// other names. Lines before the header that begin with # are skipped; where
// they are those of [Dataset.SaveManifest], the text must be as it was saved.
// Paths are relative to the CSV, or to ScanOptions.Root.
func listCSV(file string) (*Dataset, error) {
	b, err := readCapped(file, maxCSV)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(b, []byte(manifestName)) {
		if _, err := parseManifest(b); err != nil {
			return nil, fmt.Errorf("%s: %w (without its first two lines it is read as a plain table)", file, err)
		}
	}
	rows, err := readRows(file, b)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Root: filepath.Dir(file), Layout: "manifest"}
	if err := d.fill(file, rows); err != nil {
		return nil, err
	}
	return d, nil
}

// row is one line of a CSV file.
type row struct {
	line   int
	fields []string
}

// readRows parses CSV text: a byte order mark and leading comment lines are
// skipped, the separator (comma, semicolon or tab) is taken from the first line.
func readRows(file string, b []byte) ([]row, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	skipped := 0
	for len(b) > 0 && b[0] == '#' {
		_, b, _ = bytes.Cut(b, []byte("\n"))
		skipped++
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = separator(b), -1, true
	var rows []row
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		line, _ := r.FieldPos(0)
		rows = append(rows, row{line + skipped, fields})
	}
}

// separator guesses from the first line.
func separator(b []byte) rune {
	first, _, _ := bytes.Cut(b, []byte("\n"))
	for _, c := range ",;\t" {
		if bytes.ContainsRune(first, c) {
			return c
		}
	}
	return ','
}

// fill makes items of a manifest's rows.
func (d *Dataset) fill(file string, rows []row) error {
	if len(rows) == 0 {
		return fmt.Errorf("%s: is empty; wants a header with the columns path and label", file)
	}
	at, err := header(file, rows[0])
	if err != nil {
		return err
	}
	labels := make([]string, 0, len(rows)-1)
	seen := make(map[string]int, len(rows))
	for _, r := range rows[1:] {
		it, label, err := at.item(r)
		if err == nil && seen[it.Path] != 0 {
			err = fmt.Errorf("%s is listed in line %d already", it.Path, seen[it.Path])
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, r.line, err)
		}
		seen[it.Path] = r.line
		d.Items = append(d.Items, it)
		labels = append(labels, label)
	}
	d.number(labels)
	if slices.ContainsFunc(d.Items, func(it Item) bool { return it.Group != "" }) {
		d.GroupRule = "the manifest's column of groups"
	}
	if at.split >= 0 {
		d.SplitRule = "given"
	}
	return nil
}

// header finds the columns.
func header(file string, r row) (*places, error) {
	at := places{path: -1, label: -1, group: -1, split: -1, sha256: -1}
	for i, name := range r.fields {
		switch columns[strings.ToLower(strings.TrimSpace(name))] {
		case "path":
			at.path = i
		case "label":
			at.label = i
		case "group":
			at.group = i
		case "split":
			at.split = i
		case "sha256":
			at.sha256 = i
		}
	}
	if at.path < 0 || at.label < 0 {
		return nil, fmt.Errorf("%s:%d: wants a header with the columns path and label (group and split if known), found %q",
			file, r.line, strings.Join(r.fields, ","))
	}
	return &at, nil
}

// places are the numbers of a manifest's columns; -1 = absent.
type places struct{ path, label, group, split, sha256 int }

// item reads one row.
func (at *places) item(r row) (it Item, label string, err error) {
	get := func(i int) string {
		if i < 0 || i >= len(r.fields) {
			return ""
		}
		return strings.TrimSpace(r.fields[i])
	}
	it.Path, it.Group, label = get(at.path), get(at.group), get(at.label)
	if it.Path == "" || label == "" {
		return it, "", errors.New("path or label is empty")
	}
	if it.Path, err = localPath(it.Path); err != nil {
		return it, "", err
	}
	it.SHA256 = strings.ToLower(get(at.sha256))
	if n := len(it.SHA256); n != 0 && n != 64 {
		return it, "", fmt.Errorf("sha256 %q has %d digits, wants 64 (or none)", it.SHA256, n)
	}
	it.Split, err = ParseSplit(get(at.split))
	return it, label, err
}

// localPath cleans a path of a manifest and refuses one that leaves its folder.
func localPath(p string) (string, error) {
	clean := path.Clean(filepath.ToSlash(p))
	if !filepath.IsLocal(filepath.FromSlash(clean)) || strings.ContainsRune(p, 0) {
		return "", fmt.Errorf("path %q leaves the manifest's folder; write it relative to the CSV and put the CSV above the pictures", p)
	}
	return clean, nil
}

// number turns labels (one an item) into Classes and Item.Class and sorts the items.
func (d *Dataset) number(labels []string) {
	d.Classes = slices.Compact(slices.Sorted(slices.Values(labels)))
	sortClasses(d.Classes)
	index := make(map[string]int, len(d.Classes))
	for i, c := range d.Classes {
		index[c] = i
	}
	for i := range d.Items {
		d.Items[i].Class = index[labels[i]]
	}
	d.sort()
}

// sort puts items in the order that does not depend on how they were found.
func (d *Dataset) sort() {
	slices.SortFunc(d.Items, func(a, b Item) int {
		if a.Class != b.Class {
			return a.Class - b.Class
		}
		return byFolder(a.Path, b.Path)
	})
}

// sortClasses sorts names; if all are whole numbers, as numbers.
func sortClasses(names []string) {
	slices.Sort(names)
	numbers := make(map[string]int, len(names))
	for _, n := range names {
		v, err := strconv.Atoi(n)
		if err != nil {
			return
		}
		numbers[n] = v
	}
	slices.SortStableFunc(names, func(a, b string) int { return numbers[a] - numbers[b] })
}

// readCapped reads a regular file of at most limit bytes.
func readCapped(path string, limit int64) ([]byte, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return readFile(path, Limits{Bytes: limit})
}
