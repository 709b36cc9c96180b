package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Dataset is a list of labelled pictures with what is known about each.
type Dataset struct {
	Root        string   // folder that Item.Path is relative to
	Layout      string   // "class folders", "split folders" or "manifest"
	Classes     []string // sorted; Item.Class is an index into it
	Positive    int      // index of the class that a probability speaks of; -1 with more than two classes
	PositiveWhy string   // in words, how Positive was found
	Items       []Item   // sorted by class, folder, name
	GroupRule   string   // in words, how groups were found; "" = no groups
	SplitRule   string   // rule and fractions of the last Assign, e.g. "group (val 0.15, test 0.15)"
	Seed        uint64   // of the last Assign

	limits Limits // caps that Scan used; reading again uses the same
}

// Item is one picture.
type Item struct {
	Path   string // relative to Dataset.Root, with slashes
	Class  int    // index into Dataset.Classes
	Group  string // patient; "" when there are no groups
	SHA256 string // hexadecimal digest of the file's bytes
	Bytes  int64  // size of the file
	W, H   int    // pixels
	Mode   string // how the file stores pixels: "rgb", "grey", "palette", "rgba", "cmyk"; 16 bits end in "16"
	Split  Split
}

// Split says what a picture is used for.
type Split uint8

// The three uses of a picture. Test pictures are looked at once, at the end.
const (
	Unassigned Split = iota
	Train
	Val
	Test
)

// String returns "", "train", "val" or "test".
func (s Split) String() string {
	return [...]string{"", "train", "val", "test"}[min(s, Test)]
}

// ParseSplit reads a split by any of its usual names: train, training, val,
// valid, validation, test, testing (any case); "" is Unassigned.
func ParseSplit(name string) (Split, error) {
	switch strings.ToLower(name) {
	case "":
		return Unassigned, nil
	case "train", "training":
		return Train, nil
	case "val", "valid", "validation":
		return Val, nil
	case "test", "testing":
		return Test, nil
	}
	return 0, fmt.Errorf("split %q is none of train, val, test", name)
}

// Indices returns the places in Items of the pictures of a split, in order.
func (d *Dataset) Indices(s Split) []int {
	var out []int
	for i := range d.Items {
		if d.Items[i].Split == s {
			out = append(out, i)
		}
	}
	return out
}

// Digest names the content: a SHA-256 over every picture's digest, class name
// and split, in an order that does not depend on paths. Moving or renaming
// the folder leaves it as it is; another split, label or byte changes it.
func (d *Dataset) Digest() string {
	lines := make([]string, len(d.Items))
	for i, it := range d.Items {
		lines[i] = it.SHA256 + " " + it.Split.String() + " " + d.className(it.Class) + "\n"
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		h.Write([]byte(l))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// className is the name of a class, or its number when there is no such class.
func (d *Dataset) className(c int) string {
	if c < 0 || c >= len(d.Classes) {
		return fmt.Sprint(c)
	}
	return d.Classes[c]
}
