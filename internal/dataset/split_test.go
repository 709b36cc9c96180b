package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// digest is a SHA-256 for tests.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// fake is a data set without files: item i has class c, group g, bytes b.
func fake(classes []string, items ...Item) *Dataset {
	d := &Dataset{Classes: classes, Items: items, Layout: "class folders"}
	for i := range d.Items {
		it := &d.Items[i]
		if it.Path == "" {
			it.Path = fmt.Sprintf("%s/%05d.png", classes[it.Class], i)
		}
		if it.SHA256 == "" {
			it.SHA256 = digest(it.Path)
		}
		if it.Group != "" {
			d.GroupRule = "test"
		}
	}
	return d
}

// anyDataset draws groups of skewed sizes, some in one class only, and some
// files with equal bytes.
func anyDataset(t *rapid.T) *Dataset {
	classes := []string{"a", "b", "c"}[:rapid.IntRange(2, 3).Draw(t, "classes")]
	var items []Item
	for g := range rapid.IntRange(1, 25).Draw(t, "groups") {
		for range int(math.Exp(rapid.Float64Range(0, 4).Draw(t, "log size"))) {
			items = append(items, Item{Group: fmt.Sprint("p", g), Class: rapid.IntRange(0, len(classes)-1).Draw(t, "class")})
		}
	}
	d := fake(classes, items...)
	for range rapid.IntRange(0, 3).Draw(t, "copies") {
		i, j := rapid.IntRange(0, len(items)-1).Draw(t, "i"), rapid.IntRange(0, len(items)-1).Draw(t, "j")
		d.Items[i].SHA256 = d.Items[j].SHA256
	}
	return d
}

// Whatever the data: every picture is in a split, no group and no picture is
// in two, and neither order nor paths change the result.
func TestSplitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDataset(t)
		o := SplitOptions{Rule: rapid.SampledFrom([]string{"group", "random"}).Draw(t, "rule"), Seed: rapid.Uint64().Draw(t, "seed"),
			Val: rapid.Float64Range(0, .4).Draw(t, "val"), Test: rapid.Float64Range(0, .4).Draw(t, "test")}
		if _, err := d.Assign(o); err != nil {
			t.Fatal(err)
		}
		if err := d.CheckLeak(); err != nil {
			t.Fatal(err)
		}
		if n := len(d.Indices(Unassigned)); n > 0 {
			t.Fatalf("%d pictures have no split", n)
		}
		e := *d
		e.Items = rapid.Permutation(slices.Clone(d.Items)).Draw(t, "order")
		for i := range e.Items {
			e.Items[i].Path, e.Items[i].Split = "x/"+e.Items[i].Path, Unassigned
		}
		if _, err := e.Assign(o); err != nil {
			t.Fatal(err)
		}
		if d.Digest() != e.Digest() {
			t.Fatal("another order and another folder give another split")
		}
	})
}

// Random splits hit the fractions to a picture or two in each class.
func TestRandomSplitIsStratified(t *testing.T) {
	var items []Item
	for i := range 1000 {
		items = append(items, Item{Class: min(i/700, 1), Group: fmt.Sprint(i % 50)})
	}
	d := fake([]string{"a", "b"}, items...)
	warnings, err := d.Assign(SplitOptions{Rule: "random", Val: .2, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[Split][]int{Train: {560, 240}, Val: {140, 60}, Test: {0, 0}} {
		_, classes, _ := d.tally(func(it *Item) bool { return it.Split == s })
		for c := range want {
			if max(classes[c], want[c])-min(classes[c], want[c]) > 1 {
				t.Errorf("%s: %v, want about %v", s, classes, want)
			}
		}
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "50 of 50 patients straddle") {
		t.Errorf("warnings %q", warnings)
	}
	first := slices.Clone(d.Items)
	if _, err := d.Assign(SplitOptions{Rule: "random", Val: .2, Seed: 8}); err != nil || slices.Equal(first, d.Items) {
		t.Errorf("another seed gives the same split (%v)", err)
	}
}

// The lecture's split on the real cells: 8:2 within a picture, patients straddle.
func TestLectureSplitOnRealCells(t *testing.T) {
	d := realCells(t)
	for _, rule := range []string{"random", "keras"} {
		warnings, err := d.Assign(SplitOptions{Rule: rule, Val: .2})
		if err != nil {
			t.Fatal(err)
		}
		_, classes, _ := d.tally(func(it *Item) bool { return it.Split == Val })
		if max(classes[0], classes[1]) > 801 || min(classes[0], classes[1]) < 799 || len(d.Indices(Test)) > 0 {
			t.Errorf("%s: validation %v", rule, classes)
		}
		if len(warnings) != 1 || !strings.Contains(warnings[0], "patients straddle") {
			t.Errorf("%s: warnings %q", rule, warnings)
		}
		t.Log(rule, warnings)
		if err := d.CheckLeak(); err != nil {
			t.Errorf("%s, asked for: %v", rule, err)
		}
	}
}

// Keras: validation is the first int(.2·n) of each folder by file name.
func TestKerasRule(t *testing.T) {
	var items []Item
	for i := range 7 {
		items = append(items, Item{Class: 0, Path: fmt.Sprintf("a/%d.png", i)})
	}
	for i := range 11 {
		items = append(items, Item{Class: 1, Path: fmt.Sprintf("b/%02d.png", i)})
	}
	d := fake([]string{"a", "b"}, items...)
	if _, err := d.Assign(SplitOptions{Rule: "keras", Val: .2}); err != nil {
		t.Fatal(err)
	}
	if got, want := d.Indices(Val), []int{0, 7, 8}; !slices.Equal(got, want) {
		t.Errorf("validation %v, want %v", got, want)
	}
	if _, err := d.Assign(SplitOptions{Rule: "keras", Val: .2, Test: .3}); err != nil {
		t.Fatal(err)
	}
	if got, want := d.Indices(Test), []int{1, 2, 9, 10, 11}; !slices.Equal(got, want) {
		t.Errorf("test %v, want %v", got, want)
	}
}

func TestCheckLeakNames(t *testing.T) {
	d := fake([]string{"a", "b"}, Item{Group: "p1", Split: Train}, Item{Group: "p1", Split: Test, Class: 1}, Item{Group: "p2", Split: Val}, Item{Group: "p3"}, Item{Group: "p3", Split: Val})
	d.Items[2].SHA256 = d.Items[0].SHA256
	err := d.CheckLeak()
	for _, want := range []string{"1 group is in two splits: p1 (train, test)", "1 picture is in two splits: a/00000.png (train) = a/00002.png (val)"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	d.GroupRule = ""
	if err := d.CheckLeak(); err == nil || strings.Contains(err.Error(), "group") {
		t.Errorf("without groups: %v", err)
	}
}

func TestGivenSplit(t *testing.T) {
	var items []Item
	for i := range 40 {
		items = append(items, Item{Class: i % 2, Group: fmt.Sprint("p", i/4), Split: []Split{Train, Test}[i/32]})
	}
	d := fake([]string{"a", "b"}, items...)
	d.SplitRule = "given"
	warnings, err := d.Assign(SplitOptions{})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "no validation is given") {
		t.Fatalf("%v %q", err, warnings)
	}
	if v, te := len(d.Indices(Val)), len(d.Indices(Test)); v < 4 || v > 8 || te != 8 {
		t.Errorf("%d for validation, %d for test", v, te)
	}
	if err := d.CheckLeak(); err != nil {
		t.Error(err)
	}
	d.Items[39].Group = "p0"
	if err := d.CheckLeak(); err == nil {
		t.Error("a patient in train and test passes")
	}
}

func TestAssignRefuses(t *testing.T) {
	for want, o := range map[string]SplitOptions{
		"no groups are known":    {Rule: "group"},
		"none of group, random":  {Rule: "fold"},
		"say a split":            {Rule: "given"},
		"leave something for tr": {Val: .6, Test: .5},
		"validation -0.1":        {Val: -.1, Test: .2},
		"validation NaN":         {Val: math.NaN(), Test: .2},
	} {
		d := fake([]string{"a", "b"}, Item{}, Item{Class: 1})
		if _, err := d.Assign(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, wants %q", o, err, want)
		}
	}
}

// One worker and several make the same data set of 400 real cells.
func TestRealCellsAnyWorkers(t *testing.T) {
	files := map[string]string{}
	for i, it := range realCells(t).Items {
		if i%20 == 0 {
			b, err := os.ReadFile(filepath.Join(realPath, it.Path))
			if err != nil {
				t.Fatal(err)
			}
			files[it.Path] = string(b)
		}
	}
	dir := folder(t, files)
	a, _ := scan(t, dir, ScanOptions{Workers: 1})
	b, _ := scan(t, dir, ScanOptions{Workers: 3})
	for _, d := range []*Dataset{a, b} {
		if _, err := d.Assign(SplitOptions{Seed: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.Items) != 400 || !slices.Equal(a.Items, b.Items) || a.Digest() != b.Digest() {
		t.Errorf("one worker and three give different data sets, of %d and %d cells", len(a.Items), len(b.Items))
	}
}
