package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func corrections(t testing.TB, text string) ([]Correction, error) {
	t.Helper()
	return parseCorrections("c.csv", []byte(text))
}

func TestCorrect(t *testing.T) {
	d := small(t, 4)
	a, b, c := d.Items[0], d.Items[1], d.Items[len(d.Items)-1]
	other := d.Classes[1-a.Class]
	list, err := corrections(t, "\ufeffpath;note;Decision;label;sha256\n"+
		a.Path+";a ring;"+other+";"+d.Classes[a.Class]+";"+strings.ToUpper(a.SHA256)+"\n"+
		b.Path+";;Drop;;\n"+
		c.Path+";as it is;"+d.Classes[c.Class]+";;\n"+
		"nowhere.png;not decided;;;\n")
	if err != nil {
		t.Fatal(err)
	}
	before := len(d.Items)
	d.Items[0].Split, d.Items[1].Split = Test, Train
	did, err := d.Correct(list)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{a.Path: a.Class}; !cmp.Equal(did.Former, want) {
		t.Errorf("former classes %v, wanted %v", did.Former, want)
	}
	if len(did.Dropped) != 1 || did.Dropped[0].Path != b.Path || len(d.Items) != before-1 {
		t.Errorf("left out %v, %d of %d images remain", did.Dropped, len(d.Items), before)
	}
	if want := "corrections: 1 labels changed, 1 images left out: train 0 and 1, test 1 and 0"; did.Words != want {
		t.Errorf("%s, wanted %s", did.Words, want)
	}
	i := slices.IndexFunc(d.Items, func(it Item) bool { return it.Path == a.Path })
	if it := d.Items[i]; it.Class == a.Class || it.Split != Test || it.SHA256 != a.SHA256 {
		t.Errorf("%+v became %+v", a, it)
	}
	// As saved and read again: the order of items is one that only depends on what is in them.
	path := filepath.Join(d.Root, "m.csv")
	if err := d.SaveManifest(path); err != nil {
		t.Fatal(err)
	}
	again, err := LoadManifest(path, d.Root)
	if err != nil {
		t.Fatal(err)
	}
	if what := again.Difference(d); what != "" {
		t.Error(what)
	}
}

func TestCorrectRefuses(t *testing.T) {
	d := small(t, 4)
	a := d.Items[0].Path
	for _, c := range []struct{ text, want string }{
		{"", "c.csv: is empty"},
		{"path,label\n", "c.csv:1: wants a header with the columns path and decision"},
		{"path,decision\n,drop\n", "c.csv:2: a decision without a path"},
		{"path,decision\n../x.png,drop\n", "c.csv:2: path"},
		{"path,decision\n" + a + ",drop\n" + a + ",drop\n", "c.csv:3: " + a + " is decided on already, in c.csv:2"},
		{"path,decision\nno.png,drop\n", "c.csv:2: no image no.png"},
		{"path,decision\n" + a + ",healthy\n", `c.csv:2: ` + a + ` is decided to be "healthy", which is no class (wants one of ` + strings.Join(d.Classes, ", ")},
		{"path,decision,label\n" + a + ",drop," + d.Classes[1-d.Items[0].Class] + "\n", "c.csv:2: " + a + " was looked at as"},
		{"path,decision,sha256\n" + a + ",drop," + strings.Repeat("0", 64) + "\n", "c.csv:2: " + a + " is another image"},
	} {
		before := slices.Clone(d.Items)
		list, err := corrections(t, c.text)
		if err == nil {
			_, err = d.Correct(list)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, wanted %q", c.text, err, c.want)
		}
		if !slices.Equal(before, d.Items) {
			t.Errorf("%q changed the data set", c.text)
		}
	}
	if _, err := ReadCorrections(filepath.Join(t.TempDir(), "none.csv")); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzCorrections(f *testing.F) {
	d := small(f, 4)
	f.Add([]byte("path,decision\n" + d.Items[0].Path + "," + d.Classes[1] + "\n" + d.Items[1].Path + ",drop\n"))
	f.Add([]byte("path;decision;sha256\n\"a\nb\";x;0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseCorrections("x", b)
		if err != nil {
			return
		}
		set := *d
		set.Items = slices.Clone(d.Items)
		did, err := set.Correct(list)
		if err != nil && !slices.Equal(set.Items, d.Items) {
			t.Fatal("an error changed the data set")
		}
		if len(set.Items)+len(did.Dropped) != len(d.Items) {
			t.Fatalf("%d images and %d left out of %d", len(set.Items), len(did.Dropped), len(d.Items))
		}
		for _, it := range set.Items {
			if it.Class < 0 || it.Class >= len(set.Classes) {
				t.Fatalf("item %+v", it)
			}
		}
	})
}
