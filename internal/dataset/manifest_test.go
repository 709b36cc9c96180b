package dataset

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestManifestRoundTrip(t *testing.T) {
	d := small(t, 20)
	d.GroupRule = "test"
	for i := range d.Items {
		d.Items[i].Group = string(rune('p' + i%5))
	}
	d.Items[3].Path = `#odd, "name".png`
	if _, err := d.Assign(SplitOptions{Seed: 9}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "split.csv")
	if err := d.SaveManifest(file); err != nil {
		t.Fatal(err)
	}
	got, err := LoadManifest(file, d.Root)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, d) {
		t.Errorf("got  %+v\nwant %+v", got, d)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(d.Root)) {
		t.Error("the manifest names this machine's folder")
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("files beside the manifest: %v %v", left, err)
	}
}

// A saved manifest beside the pictures is a manifest that Scan reads, too.
func TestScanReadsASavedManifest(t *testing.T) {
	d := small(t, 20)
	if _, err := d.Assign(SplitOptions{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.Root, "split.csv")
	if err := d.SaveManifest(file); err != nil {
		t.Fatal(err)
	}
	e, _ := scan(t, file, ScanOptions{NoGroups: true})
	if e.Digest() != d.Digest() {
		t.Error("another digest")
	}
	if _, err := e.Assign(SplitOptions{}); err != nil || e.SplitRule != "given" || e.Digest() != d.Digest() {
		t.Errorf("split %q, %v", e.SplitRule, err)
	}
}

func TestManifestRefuses(t *testing.T) {
	d := small(t, 6)
	file := filepath.Join(t.TempDir(), "m.csv")
	if err := d.SaveManifest(file); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	lines := strings.SplitAfter(text, "\n")
	for name, c := range map[string]struct{ text, want string }{
		"empty":      {"", "is no manifest of this version"},
		"version":    {strings.Replace(text, "manifest 1", "manifest 2", 1), "is no manifest of this version"},
		"cut":        {strings.Join(lines[:6], ""), "is cut off or was edited"},
		"cut inside": {text[:len(text)-30], "is damaged"},
		"settings":   {strings.Replace(text, `{"layout"`, `{"layout`, 1), "settings in line 2"},
		"class":      {strings.Replace(text, `"a","b"`, `"a","c"`, 1), `class "b" is none of a, c`},
		"digest":     {strings.Replace(text, d.Items[0].SHA256[:8], "00000000", 1), "is cut off or was edited"},
		"columns":    {strings.Replace(text, "path,label", "label,path", 1), "wants the columns"},
		"outside":    {strings.Replace(text, "a/000.png", "../00.png", 1), "line 4"},
		"positive":   {strings.Replace(text, `"positive":1`, `"positive":7`, 1), "positive class 7 of 2"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadManifest(file, ""); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v, wants %q", name, err, c.want)
		}
	}
}

func FuzzManifest(f *testing.F) {
	d := small(f, 4)
	file := filepath.Join(f.TempDir(), "m.csv")
	if err := d.SaveManifest(file); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("path,label,group\nim/1.png,10,p\n\"x\ny\",b\n"))
	f.Add([]byte("C1ThinF,['a.png', 'b.png'],,,\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := parseManifest(b); err == nil {
			d.Stats()
			for _, it := range d.Items {
				if !filepath.IsLocal(filepath.FromSlash(it.Path)) || it.Class < 0 || it.Class >= len(d.Classes) {
					t.Fatalf("item %+v", it)
				}
			}
		}
		if rows, err := readRows("x", b); err == nil {
			d := &Dataset{}
			if d.fill("x", rows) == nil {
				for _, it := range d.Items {
					if !filepath.IsLocal(filepath.FromSlash(it.Path)) || it.Class >= len(d.Classes) {
						t.Fatalf("item %+v", it)
					}
				}
			}
			_ = addGroups(map[string]string{}, "x", rows)
		}
	})
}

// A saved manifest that is scanned must be as it was saved, and so must the
// pictures: what changed is named.
func TestScanHoldsASavedManifestToItsDigests(t *testing.T) {
	d := small(t, 20)
	file := filepath.Join(d.Root, "split.csv")
	if err := d.SaveManifest(file); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	refuses := func(what, text string, words ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := Scan(context.Background(), file, ScanOptions{})
		for _, w := range append(words, file) {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %v, wants %q", what, err, w)
			}
		}
	}
	refuses("cut", text[:strings.LastIndex(text[:len(text)-1], "\n")+1], "is cut off or was edited", "without its first two lines")
	refuses("another version", strings.Replace(text, "manifest 1", "manifest 2", 1), `wants a first line "# tl manifest 1"`)
	refuses("another digest", strings.Replace(text, d.Items[3].SHA256[:9], "abcdefabc", 1), "is cut off or was edited")
	refuses("short digest", "path,label,sha256\na/000.png,a,abc\n", `:2: sha256 "abc" has 3 digits, wants 64`)

	other := d.Items[4].Path
	if err := os.WriteFile(filepath.Join(d.Root, other), tinyPNG(t, "png of somebody else"), 0o644); err != nil {
		t.Fatal(err)
	}
	refuses("another picture", text, other+" (", "has changed since its manifest was written", "put the file back")
	if err := os.Remove(filepath.Join(d.Root, other)); err != nil {
		t.Fatal(err)
	}
	refuses("no picture", text, other+" (-1 bytes) no such file")
}
