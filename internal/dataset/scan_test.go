package dataset

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// folder writes files below a new folder. A text beginning with "png" becomes a
// picture whose colour is a hash of the text; every other text stays as it is.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		b := []byte(text)
		if strings.HasPrefix(text, "png") {
			b = tinyPNG(t, text)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tinyPNG is a 5×4 picture that differs for different texts.
func tinyPNG(t testing.TB, text string) []byte {
	im := image.NewRGBA(image.Rect(0, 0, 5, 4))
	for i := range 20 {
		c := byte(i * 3)
		if i < len(text) {
			c = text[i]
		}
		im.Set(i%5, i/5, color.RGBA{c, 255 - c, byte(len(text)), 255})
	}
	return encode(t, im)
}

// scan fails the test on an error.
func scan(t testing.TB, path string, o ScanOptions) (*Dataset, *Report) {
	t.Helper()
	d, report, err := Scan(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return d, report
}

func paths(d *Dataset) (out []string) {
	for _, it := range d.Items {
		out = append(out, it.Path)
	}
	return out
}

func TestScanClassFolders(t *testing.T) {
	dir := folder(t, map[string]string{
		"b/2.png": "png2", "b/1.PNG": "png1", "b/sub/0.jpeg": "png0", "a/9.png": "png9",
		"Thumbs.db": "x", "a/.DS_Store": "x", "__MACOSX/a/9.png": "png9", "a/.hidden.png": "x",
		"README.md": "x", "a/notes.txt": "x", "a/x.bmp": "BM", "docs/manual.txt": "x",
		"again/a/9.png": "png9", "again/b/1.png": "png1",
	})
	d, r := scan(t, dir, ScanOptions{})
	if want := []string{"a/9.png", "b/1.PNG", "b/2.png", "b/sub/0.jpeg"}; !slices.Equal(paths(d), want) {
		t.Errorf("found %v, want %v", paths(d), want)
	}
	if !slices.Equal(d.Classes, []string{"a", "b"}) || d.Positive != 1 || !strings.Contains(d.PositiveWhy, "--positive a") {
		t.Errorf("classes %v, positive %d (%s)", d.Classes, d.Positive, d.PositiveWhy)
	}
	slices.Sort(r.Ignored)
	slices.Sort(r.Other)
	if want := []string{"Thumbs.db", "__MACOSX", "a/.DS_Store", "a/.hidden.png", "again/ (a nested copy of the class folders)"}; !slices.Equal(r.Ignored, want) {
		t.Errorf("ignored %v, want %v", r.Ignored, want)
	}
	if want := []string{"README.md", "a/notes.txt", "a/x.bmp", "docs/ (no pictures)", "docs/manual.txt"}; !slices.Equal(r.Other, want) {
		t.Errorf("other %v, want %v", r.Other, want)
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "b/sub/0.jpeg is PNG") {
		t.Errorf("warnings %v", r.Warnings)
	}
	if it := d.Items[0]; it.W != 5 || it.H != 4 || it.Mode != "rgb" || it.Bytes == 0 || len(it.SHA256) != 64 {
		t.Errorf("item %+v", it)
	}
	if d.GroupRule != "" {
		t.Errorf("groups by %q", d.GroupRule)
	}
}

func TestScanEntersAnArchivesFolder(t *testing.T) {
	dir := folder(t, map[string]string{"cell_images/Parasitized/1.png": "png1", "cell_images/Uninfected/2.png": "png2", "cell_images/cell_images/Parasitized/1.png": "png1", "cell_images/cell_images/Uninfected/2.png": "png2", ".DS_Store": ""})
	d, _ := scan(t, dir, ScanOptions{})
	if len(d.Items) != 2 || filepath.Base(d.Root) != "cell_images" || d.Classes[d.Positive] != "Parasitized" {
		t.Errorf("%+v", d)
	}
}

func TestScanSplitFolders(t *testing.T) {
	for _, val := range []string{"val", "valid", "validation", "Valid"} {
		dir := folder(t, map[string]string{"train/a/1.png": "png1", "train/b/2.png": "png2", val + "/a/3.png": "png3", "test/b/4.png": "png4"})
		d, _ := scan(t, dir, ScanOptions{})
		var got []string
		for _, it := range d.Items {
			got = append(got, it.Path+" "+it.Split.String()+" "+d.Classes[it.Class])
		}
		want := []string{"train/a/1.png train a", "train/b/2.png train b", val + "/a/3.png val a", "test/b/4.png test b"}
		if !slices.Equal(got, want) || d.Layout != "split folders" {
			t.Errorf("%s: %v, want %v", val, got, want)
		}
		if w, err := d.Assign(SplitOptions{}); err != nil || len(w) > 0 || d.SplitRule != "given" {
			t.Errorf("%s: %v %v %s", val, w, err, d.SplitRule)
		}
	}
}

func TestScanNamesAllBad(t *testing.T) {
	files := map[string]string{"a/ok.png": "png1", "b/ok.png": "png2", "a/cut.png": "\x89PNG\r\n\x1a\n\x00", "b/empty.jpg": "", "b/page.png": "<html>"}
	dir := folder(t, files)
	_, r, err := Scan(context.Background(), dir, ScanOptions{})
	var bad *BadError
	if !errors.As(err, &bad) || len(bad.Bad) != 3 || len(r.Bad) != 3 {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"3 pictures", "a/cut.png (9 bytes) is truncated", "b/empty.jpg (0 bytes) is empty", "b/page.png (6 bytes) is a web page"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	d, r := scan(t, dir, ScanOptions{SkipBad: true})
	if len(d.Items) != 2 || len(r.Bad) != 3 || r.Found != 5 {
		t.Errorf("skipping: %v, %+v", paths(d), r)
	}
	if err := os.Remove(filepath.Join(dir, "b", "ok.png")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Scan(context.Background(), dir, ScanOptions{SkipBad: true}); err == nil || !strings.Contains(err.Error(), "class b has no picture that decodes") {
		t.Errorf("class of bad pictures only: %v", err)
	}
}

func TestScanRefuses(t *testing.T) {
	one := map[string]string{"a/1.png": "png1"}
	two := map[string]string{"a/1.png": "png1", "b/2.png": "png2"}
	three := map[string]string{"a/1.png": "png1", "b/2.png": "png2", "c/3.png": "png3"}
	for _, c := range []struct {
		files map[string]string
		o     ScanOptions
		want  string
	}{
		{map[string]string{"x.txt": "x"}, ScanOptions{}, "no pictures in class folders"},
		{one, ScanOptions{}, "only one class (a)"},
		{two, ScanOptions{Positive: "c"}, "none of a, b"},
		{three, ScanOptions{Positive: "c"}, "two classes only"},
		{two, ScanOptions{GroupRegex: "("}, "error parsing regexp"},
		{two, ScanOptions{GroupRegex: "x"}, "wants a capture group"},
		{two, ScanOptions{GroupRegex: "(7)"}, "none for 2 pictures: a/1.png, b/2.png"},
		{two, ScanOptions{GroupRegex: "(.)", NoGroups: true}, "ask for one of"},
		{map[string]string{"train/a/1.png": "png1", "val/a/2.png": "png2", "valid/b/3.png": "png3"}, ScanOptions{}, "keep one"},
	} {
		_, _, err := Scan(context.Background(), folder(t, c.files), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %+v: error %v, wants %q", c.files, c.o, err, c.want)
		}
	}
	if _, _, err := Scan(context.Background(), filepath.Join(t.TempDir(), "gone"), ScanOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Scan(ctx, folder(t, two), ScanOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestScanManifest(t *testing.T) {
	pictures := map[string]string{"im/1.png": "png1", "im/2.png": "png2", "im/3.png": "png3"}
	for name, text := range map[string]string{
		"plain":     "path,label,group\nim/1.png,10,p\nim/2.png,9,q\nim/3.png,9,p\n",
		"order":     "group,path,extra,label\np,im/1.png,x,10\nq,im/2.png,x,9\np,im/3.png,x,9\n",
		"names":     "\xef\xbb\xbf# note\nPatient_ID; Filename; Class\r\np;im/1.png;10\r\nq;im/2.png;9\r\np;./im/3.png;9\r\n",
		"backslash": "path\tlabel\tgroup\nim/1.png\t10\tp\nim/2.png\t9\tq\nim//3.png\t9\tp\n",
	} {
		dir := folder(t, pictures)
		file := filepath.Join(dir, "cells.csv")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		d, _ := scan(t, file, ScanOptions{})
		var got []string
		for _, it := range d.Items {
			got = append(got, fmt.Sprint(it.Path, " ", d.Classes[it.Class], " ", it.Group))
		}
		if want := []string{"im/2.png 9 q", "im/3.png 9 p", "im/1.png 10 p"}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestScanManifestRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "is empty",
		"a,b\n1,2\n":                             "wants a header with the columns path and label",
		"path,label\n../x.png,a\n":               ":2: path \"../x.png\" leaves",
		"path,label\n/etc/x.png,a\n":             ":2: path \"/etc/x.png\" leaves",
		"path,label\nim/1.png,\n":                ":2: path or label is empty",
		"path,label\nim/1.png,a\nim/1.png,b\n":   ":3: im/1.png is listed in line 2 already",
		"path,label,split\nim/1.png,a,holdout\n": ":2: split \"holdout\" is none of",
		"path,label\nim/1.png,a\nim/9.png,b\n":   "im/9.png (-1 bytes) no such file",
	} {
		dir := folder(t, map[string]string{"im/1.png": "png1", "cells.csv": text})
		_, _, err := Scan(context.Background(), filepath.Join(dir, "cells.csv"), ScanOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, wants %q", text, err, want)
		}
	}
}

func TestPositive(t *testing.T) {
	for _, c := range []struct {
		classes []string
		want    string
	}{
		{[]string{"Parasitized", "Uninfected"}, "Parasitized"},
		{[]string{"infected", "uninfected"}, "infected"},
		{[]string{"healthy", "leukemia"}, "leukemia"},
		{[]string{"malignant", "benign"}, "malignant"},
		{[]string{"no", "yes"}, "yes"},
		{[]string{"cat", "dog"}, "dog"},
		{[]string{"positive", "tumor"}, "tumor"}, // both words: the second, said so
	} {
		d := &Dataset{Classes: c.classes}
		if err := d.findPositive(""); err != nil || d.Classes[d.Positive] != c.want || d.PositiveWhy == "" {
			t.Errorf("%v: positive %s (%s), %v; want %s", c.classes, d.Classes[d.Positive], d.PositiveWhy, err, c.want)
		}
		if err := d.findPositive(strings.ToUpper(c.classes[0])); err != nil || d.Positive != 0 {
			t.Errorf("%v: asked for the first: %d, %v", c.classes, d.Positive, err)
		}
	}
	d := &Dataset{Classes: []string{"a", "b", "c"}}
	if err := d.findPositive(""); err != nil || d.Positive != -1 {
		t.Errorf("three classes: %d, %v", d.Positive, err)
	}
}

// The official tables list the whole set: 201 keys of 200 patients.
func TestNIHNames(t *testing.T) {
	groups := map[string]string{}
	for _, class := range []string{"parasitized", "uninfected"} {
		if err := readGroups(groups, testkit.Data(t, "patientid_cellmapping_"+class+".csv")); err != nil {
			t.Fatal(err)
		}
	}
	patients := map[string]bool{}
	for file, want := range groups {
		patients[want] = true
		if got := nihGroup(file); got != want {
			t.Fatalf("%s is of patient %q, the table says %q", file, got, want)
		}
	}
	if len(groups) != 27558 || len(patients) != 200 {
		t.Errorf("%d files of %d patients, want 27558 of 200", len(groups), len(patients))
	}
	for key, want := range map[string]string{"C100P61ThinF": "C100P61", "C61P22N_ThinF": "C61P22N", "C47P8thinOriginalOlympusCX21": "C47P8",
		"C47P8thin_Original_Motic": "C47P8", "C38P3thinF_original": "C38P3", "C51AP12thinF": "C51AP12", "C1_thinF": "C1", "X9": "X9", "thin": "thin"} {
		if got := NIHPatient(key); got != want {
			t.Errorf("NIHPatient(%s) = %s, want %s", key, got, want)
		}
	}
	if got := GroupOf(nihRule, "a/C1_thinF_IMG_20150101_101010_cell_1.png"); got != "C1" {
		t.Errorf("GroupOf by NIH names: %q", got)
	}
	if nihGroup("C1thin_IMG_20150101_1a_cell_1.png") != "C1" || nihGroup("C1thin_IMG_2015_cell_1.png") != "" {
		t.Error("file names are read wrongly")
	}
}

func TestGroups(t *testing.T) {
	dir := folder(t, map[string]string{"a/p1-1.png": "png1", "a/p2-1.png": "png2", "b/p1-2.png": "png3",
		"plain.csv": "a/p1-1.png,x\np2-1.png,y\nb/p1-2.png,x\n", "head.csv": "patient,file\nx,p1-1.png\ny,p2-1.png\nx,p1-2.png\n",
		"short.csv": "file,group\np1-1.png,x\n", "torn.csv": "p1-1.png,x\np1-1.png,y\n"})
	for name, o := range map[string]ScanOptions{
		"regex":       {GroupRegex: `^(p\d)`},
		"plain":       {GroupCSV: filepath.Join(dir, "plain.csv")},
		"with header": {GroupCSV: filepath.Join(dir, "head.csv")},
	} {
		d, _ := scan(t, dir, o)
		for _, it := range d.Items {
			if got := GroupOf(d.GroupRule, it.Path); o.GroupRegex != "" && got != it.Group {
				t.Errorf("%s: GroupOf(%s) = %q, Scan says %q", name, it.Path, got, it.Group)
			}
		}
		if g := d.Items; g[0].Group == "" || g[0].Group != g[2].Group || g[0].Group == g[1].Group || d.GroupRule == "" {
			t.Errorf("%s: %+v", name, g)
		}
	}
	d, _ := scan(t, dir, ScanOptions{GroupRegex: `^([ab])/`})
	if d.Items[0].Group != "a" || d.Items[2].Group != "b" {
		t.Errorf("regular expression over paths: %+v", d.Items)
	}
	for file, want := range map[string]string{"short.csv": "none for 2 pictures", "torn.csv": "in group x and in group y", "gone.csv": "no such file"} {
		if _, _, err := Scan(context.Background(), dir, ScanOptions{GroupCSV: filepath.Join(dir, file)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, wants %q", file, err, want)
		}
	}
}
