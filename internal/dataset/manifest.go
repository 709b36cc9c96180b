package dataset

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tlkit/tl/internal/atomicfile"
)

// manifestMark begins a saved manifest; the number is the version.
const (
	manifestName = "# tl manifest "
	manifestMark = manifestName + "1"
)

// manifestMeta is the second line of a saved manifest, after "# ".
type manifestMeta struct {
	Layout      string   `json:"layout"`
	Classes     []string `json:"classes"`
	Positive    int      `json:"positive"`
	PositiveWhy string   `json:"positive_why"`
	GroupRule   string   `json:"group_rule"`
	SplitRule   string   `json:"split_rule"`
	Seed        uint64   `json:"seed"`
	Digest      string   `json:"digest"`
}

var manifestColumns = []string{"path", "label", "group", "split", "sha256", "bytes", "width", "height", "mode"}

// SaveManifest writes the whole data set but its pictures as a CSV: two
// comment lines, a header, one line a picture. The file appears under its name
// only when complete. The text has no date and no folder of this machine:
// equal data sets give equal bytes.
func (d *Dataset) SaveManifest(path string) error {
	meta, err := json.Marshal(manifestMeta{d.Layout, d.Classes, d.Positive, d.PositiveWhy, d.GroupRule,
		d.SplitRule, d.Seed, d.Digest()})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		if _, err := fmt.Fprintf(w, "%s\n# %s\n", manifestMark, meta); err != nil {
			return err
		}
		c := csv.NewWriter(w)
		_ = c.Write(manifestColumns) // errors are kept until Flush
		for _, it := range d.Items {
			_ = c.Write([]string{it.Path, d.className(it.Class), it.Group, it.Split.String(), it.SHA256,
				strconv.FormatInt(it.Bytes, 10), strconv.Itoa(it.W), strconv.Itoa(it.H), it.Mode})
		}
		c.Flush()
		return c.Error()
	})
}

// LoadManifest reads what SaveManifest wrote. root is the folder of the
// pictures, "" the folder of the manifest. Pictures are not opened: each is
// compared with its digest when it is read ([Dataset.Load], [Dataset.Batches])
// or all at once by [Dataset.Verify]. Caps are the defaults again, see
// [Dataset.SetLimits].
//
// Errors: another format or version, damaged or cut text, a text that does
// not match its own digest.
func LoadManifest(path, root string) (*Dataset, error) {
	b, err := readCapped(path, maxCSV)
	if err != nil {
		return nil, err
	}
	if root == "" {
		root = filepath.Dir(path)
	}
	d, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.Root = root
	return d, nil
}

// Difference names the first way in which now, e.g. of a new scan, is not the
// data set d, "" for none. Folders may differ.
func (d *Dataset) Difference(now *Dataset) string {
	there := make(map[string]Item, len(now.Items))
	for _, it := range now.Items {
		there[it.Path] = it
	}
	for _, was := range d.Items {
		is, ok := there[was.Path]
		switch {
		case !ok:
			return was.Path + " is gone"
		case is.SHA256 != was.SHA256:
			return fmt.Sprintf("%s has changed: sha256 is %.12s…, was %.12s…", was.Path, is.SHA256, was.SHA256)
		case d.className(was.Class) != now.className(is.Class), was.Split != is.Split, was.Group != is.Group:
			return fmt.Sprintf("%s was of class %s, split %s, group %q, is of %s, %s, %q", was.Path,
				d.className(was.Class), was.Split, was.Group, now.className(is.Class), is.Split, is.Group)
		}
		delete(there, was.Path)
	}
	for _, it := range now.Items {
		if _, new := there[it.Path]; new {
			return it.Path + " is new"
		}
	}
	if d.Positive != now.Positive || !slices.Equal(d.Classes, now.Classes) {
		return fmt.Sprintf("the classes were %v, positive %d, are %v, %d", d.Classes, d.Positive, now.Classes, now.Positive)
	}
	return ""
}

// parseManifest is LoadManifest without files.
func parseManifest(b []byte) (*Dataset, error) {
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	if mark := strings.TrimSuffix(string(first), "\r"); mark != manifestMark {
		return nil, fmt.Errorf("is no manifest of this version: wants a first line %q, found %.60q", manifestMark, mark)
	}
	second, body, _ := bytes.Cut(rest, []byte("\n"))
	var m manifestMeta
	text, ok := bytes.CutPrefix(second, []byte("# "))
	if !ok {
		return nil, errors.New("is damaged: no settings in line 2")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("is damaged: settings in line 2: %w", err)
	}
	d := &Dataset{Layout: m.Layout, Classes: m.Classes, Positive: m.Positive, PositiveWhy: m.PositiveWhy,
		GroupRule: m.GroupRule, SplitRule: m.SplitRule, Seed: m.Seed, limits: Limits{}.withDefaults()}
	if m.Positive < -1 || m.Positive >= len(m.Classes) {
		return nil, fmt.Errorf("is damaged: positive class %d of %d", m.Positive, len(m.Classes))
	}
	if err := d.parseItems(body); err != nil {
		return nil, err
	}
	if got := d.Digest(); got != m.Digest {
		return nil, fmt.Errorf("is cut off or was edited: its %d lines have digest %.12s…, wants %.12s…", len(d.Items), got, m.Digest)
	}
	return d, nil
}

// parseItems reads the lines of a saved manifest.
func (d *Dataset) parseItems(body []byte) error {
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = len(manifestColumns)
	head, err := r.Read()
	if err != nil || !slices.Equal(head, manifestColumns) {
		return fmt.Errorf("is damaged: wants the columns %s", strings.Join(manifestColumns, ","))
	}
	for {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("is damaged: %w", err)
		}
		it, err := d.parseItem(f)
		if err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("is damaged: line %d: %w", line+2, err)
		}
		d.Items = append(d.Items, it)
	}
}

// parseItem reads the fields of one line.
func (d *Dataset) parseItem(f []string) (it Item, err error) {
	path, errPath := localPath(f[0])
	split, errSplit := ParseSplit(f[3])
	size, errBytes := strconv.ParseInt(f[5], 10, 64)
	w, errW := strconv.Atoi(f[6])
	h, errH := strconv.Atoi(f[7])
	class := slices.Index(d.Classes, f[1])
	if class < 0 {
		err = fmt.Errorf("class %q is none of %s", f[1], strings.Join(d.Classes, ", "))
	}
	if len(f[4]) != 64 {
		err = errors.Join(err, fmt.Errorf("sha256 %q", f[4]))
	}
	it = Item{Path: path, Class: class, Group: f[2], Split: split, SHA256: f[4], Bytes: size, W: w, H: h, Mode: f[8]}
	return it, errors.Join(err, errPath, errSplit, errBytes, errW, errH)
}

// Verify reads every picture and compares it with its digest. The error names
// every file that is gone or has changed.
func (d *Dataset) Verify(ctx context.Context, workers int) error {
	errs := make([]error, len(d.Items))
	err := parallel(ctx, len(d.Items), workers, func(i int) {
		it := &d.Items[i]
		b, err := readFile(d.file(it), d.limits)
		if err == nil {
			err = it.check(b, "its manifest was written")
		}
		if err != nil {
			errs[i] = errors.New(it.Path + ": " + strings.TrimPrefix(err.Error(), d.file(it)+": "))
		}
	})
	if bad := errors.Join(errs...); bad != nil {
		err = errors.Join(err, fmt.Errorf("%w (%s)", bad, afterManifest))
	}
	return err
}
