package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the data: the folds test each picture once, no patient and no
// picture is in two parts of a fold, training and, where its share is of two units or more, validation hold something,
// and neither order nor paths change the folds.
func TestFoldProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDataset(t)
		o := SplitOptions{Rule: rapid.SampledFrom([]string{"group", "random"}).Draw(t, "rule"), Seed: rapid.Uint64().Draw(t, "seed"),
			Val: rapid.Float64Range(.05, .3).Draw(t, "val"), Folds: rapid.IntRange(2, 6).Draw(t, "folds")}
		n := len(d.units(o.Rule == "group"))
		if n < o.Folds {
			o.Fold = 1
			if _, err := d.Assign(o); err == nil || !strings.Contains(err.Error(), "at least one for each fold") {
				t.Fatalf("%d folds of %d units: %v", o.Folds, n, err)
			}
			return
		}
		tested := make([]int, len(d.Items))
		for o.Fold = 1; o.Fold <= o.Folds; o.Fold++ {
			if _, err := d.Assign(o); err != nil {
				t.Fatal(err)
			}
			if err := d.CheckLeak(); err != nil {
				t.Fatal(err)
			}
			var size [4]int
			for s := range size {
				size[s] = len(d.Indices(Split(s)))
			}
			if size[Test] == 0 || size[Unassigned] > 0 || n > o.Folds+1 && (size[Train] == 0 || size[Val] == 0 && o.Val*float64(n) >= 2) {
				t.Fatalf("fold %d of %d units: sizes %v", o.Fold, n, size)
			}
			for _, i := range d.Indices(Test) {
				tested[i]++
			}
			sameElsewhere(t, d, o)
		}
		for i, n := range tested {
			if n != 1 {
				t.Fatalf("picture %d is tested %d times", i, n)
			}
		}
	})
}

// Four patients of 1, 2, 2 and 2 pictures in two folds, three tenths for
// validation: whole patients would all go there, and none be learned from.
func TestFoldsLeaveSomethingToTrainOn(t *testing.T) {
	d := fake([]string{"a", "b"}, Item{Group: "p0", Class: 1}, Item{Group: "p1"}, Item{Group: "p1"},
		Item{Group: "p2"}, Item{Group: "p2"}, Item{Group: "p3"}, Item{Group: "p3"})
	for fold := 1; fold <= 2; fold++ {
		if _, err := d.Assign(SplitOptions{Rule: "group", Val: 0.3, Folds: 2, Fold: fold}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []Split{Train, Val, Test} {
			if len(d.Indices(s)) == 0 {
				t.Errorf("fold %d: nothing is in %s", fold, s)
			}
		}
	}
}

// sameElsewhere assigns d again in another order and under other paths.
func sameElsewhere(t *rapid.T, d *Dataset, o SplitOptions) {
	e := *d
	e.Items = slices.Clone(d.Items)
	slices.Reverse(e.Items)
	for i := range e.Items {
		e.Items[i].Path, e.Items[i].Split = "x/"+e.Items[i].Path, Unassigned
	}
	if _, err := e.Assign(o); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(e.Items)
	for i := range e.Items {
		if e.Items[i].Split != d.Items[i].Split {
			t.Fatalf("fold %d: picture %d is in %s and elsewhere in %s", o.Fold, i, d.Items[i].Split, e.Items[i].Split)
		}
	}
}

// Equal patients give equal folds, classes too; another seed divides
// otherwise, and each fold has validation patients of its own choice.
func TestFoldsAreEven(t *testing.T) {
	const patients, pictures, k = 30, 20, 5
	var items []Item
	for p := range patients {
		for i := range pictures {
			items = append(items, Item{Class: i % 2, Group: fmt.Sprint(p)})
		}
	}
	d := fake([]string{"a", "b"}, items...)
	splits := func(seed uint64, fold int) string {
		if _, err := d.Assign(SplitOptions{Folds: k, Fold: fold, Seed: seed}); err != nil {
			t.Fatal(err)
		}
		var s strings.Builder
		for _, it := range d.Items {
			fmt.Fprint(&s, it.Split, " ")
		}
		return s.String()
	}
	validated := map[string]bool{}
	for fold := 1; fold <= k; fold++ {
		splits(1, fold)
		n := [4][2]int{}
		for _, it := range d.Items {
			n[it.Split][it.Class]++
			if it.Split == Val {
				validated[it.Group] = true
			}
		}
		if want := patients * pictures / k / 2; n[Test] != [2]int{want, want} {
			t.Errorf("fold %d tests %v of the classes, want %d of each", fold, n[Test], want)
		}
		if share := float64(n[Val][0]+n[Val][1]) / (patients * pictures); share < .1 || share > .2 {
			t.Errorf("fold %d validates on a share of %g, want .15", fold, share)
		}
		if d.SplitRule != fmt.Sprintf("group, fold %d of 5 (val 0.15)", fold) {
			t.Errorf("rule %q", d.SplitRule)
		}
	}
	if len(validated) < patients/2 {
		t.Errorf("%d patients of %d ever validate", len(validated), patients)
	}
	if splits(1, 1) == splits(2, 1) {
		t.Error("another seed divides alike")
	}
}

// What cannot be folded is refused; a fold without a class is told.
func TestFoldsRefuse(t *testing.T) {
	d := fake([]string{"a", "b"}, Item{Group: "1"}, Item{Group: "2"}, Item{Group: "3", Class: 1}, Item{Group: "4"})
	warnings, err := d.Assign(SplitOptions{Folds: 4, Fold: 4, Val: .1})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "fold 4 of 4 tests no picture of") {
		t.Errorf("warnings %q, %v", warnings, err)
	}
	for _, c := range []struct {
		o    SplitOptions
		want string
	}{
		{SplitOptions{Folds: 5, Fold: 1}, "5 folds of 4 patients"},
		{SplitOptions{Folds: 1, Fold: 1}, "2 folds or more"},
		{SplitOptions{Folds: 3, Fold: 4}, "fold 4 of 3"},
		{SplitOptions{Folds: 2, Fold: 1, Val: .5}, "leaves something for training"},
		{SplitOptions{Folds: 2, Fold: 1, Rule: "keras"}, "--split group"},
	} {
		if _, err := d.Assign(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}
