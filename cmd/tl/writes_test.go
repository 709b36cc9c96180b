package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// place is a world for tl of its own: images and models that strangers gave,
// the working folder, the home with the cache, and the folder of temporary
// files, each a folder of one root.
type place struct{ root string }

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t.TempDir()}
	for _, dir := range []string{"given", "work", "home", "tmp"} {
		if err := os.Mkdir(filepath.Join(p.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.tl(t, 0, "data", "make", "../given/cells", "--count", "120", "--patients", "12", "--seed", "3")
	p.tl(t, 0, "weights", "make", "tiny", "../given/tiny.onnx")
	return p
}

// command is name, one of TestMain's, in the working folder, with an
// environment that holds nothing of the user who runs the test.
func (p place) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, args...)
	c.Dir = filepath.Join(p.root, "work")
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "SystemRoot=" + os.Getenv("SystemRoot")}
	for name, dir := range map[string]string{"HOME": "home", "LocalAppData": "home", "TMPDIR": "tmp", "TMP": "tmp", "TEMP": "tmp"} {
		c.Env = append(c.Env, name+"="+filepath.Join(p.root, dir))
	}
	return c
}

// tl runs tl and wants an exit code.
func (p place) tl(t *testing.T, code int, args ...string) {
	t.Helper()
	out, err := p.command(t, "tl", args...).CombinedOutput()
	if got := exitCode(err); got != code {
		t.Fatalf("tl %q: exit code %d, wanted %d: %v\n%s", args, got, code, err, out)
	}
}

// listing maps every path under root to what a change would change: kind,
// permissions, size, time, and bytes.
func (p place) listing(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(p.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(p.root, path)
		if d.IsDir() {
			all[filepath.ToSlash(rel)] = info.Mode().String()
			return nil
		}
		text, err := os.ReadFile(path)
		all[filepath.ToSlash(rel)] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime(), sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// changed lists the paths that differ between two listings.
func changed(before, after map[string]string) []string {
	var paths []string
	for path := range after {
		if before[path] != after[path] {
			paths = append(paths, path)
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// isWithin says whether a path is one of the allowed ones, in one, or a folder
// on the way to one.
func isWithin(path string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return path == a || strings.HasPrefix(path, a+"/") || strings.HasPrefix(a, path+"/")
	})
}

// features are the user's cache, by system.
var features = []string{"home/.cache/tl/features", "home/Library/Caches/tl/features", "home/tl/features"}

// Each command writes to the run folder, to the cache or to the file that it
// was told to write, and to no other place: not beside images, not beside
// models, nothing left in the temporary folder, whether it ends well or not.
func TestWritesNowhereElse(t *testing.T) {
	p := newPlace(t)
	given := filepath.Join(p.root, "given")
	for name, text := range map[string]string{
		"cells/Parasitized/broken.png": "\x89PNG\r\n\x1a\nno more",
		"pickle.onnx":                  "\x80\x04\x95cposix\nsystem\n",
		"page.onnx":                    "<!DOCTYPE html><html>log in</html>",
		"escape.csv":                   "path,label\n../../../../etc/passwd,Parasitized\n",
	} {
		if err := os.WriteFile(filepath.Join(given, name), []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	train := []string{"--data", "../given/cells", "--skip-bad", "--size", "32", "--epochs", "2"}
	small := append([]string{"--backbone", "../given/tiny.onnx", "--cut", "stage2"}, train...)
	for _, c := range []struct {
		code    int
		args    []string
		allowed []string // paths under the root; nil for none
	}{
		{0, []string{"--help"}, nil},
		{0, []string{"weights", "list"}, nil},
		{0, []string{"weights", "inspect", "../given/tiny.onnx"}, nil},
		{0, []string{"summary", "--backbone", "../given/tiny.onnx"}, nil},
		{0, []string{"data", "stats", "../given/cells", "--skip-bad"}, nil},
		{1, []string{"data", "check", "../given/cells"}, nil},
		{0, []string{"data", "split", "../given/cells", "--skip-bad"}, nil},
		{0, []string{"data", "split", "../given/cells", "--skip-bad", "--out", "split.csv"}, []string{"work/split.csv"}},
		{0, []string{"data", "show", "../given/cells", "--skip-bad", "--out", "grid.png"}, []string{"work/grid.png"}},
		{0, append([]string{"finetune", "--name", "first"}, small...), append([]string{"work/runs/first"}, features...)},
		{0, append([]string{"finetune", "--name", "second", "--runs", "other"}, small...), append([]string{"work/other/second"}, features...)},
		{0, append([]string{"finetune", "--name", "scratch", "--model", "baseline"}, train...), append([]string{"work/runs/scratch"}, features...)},
		{0, []string{"finetune", "--resume", "runs/first"}, append([]string{"work/runs/first"}, features...)},
		{0, append([]string{"compare", "--name", "both", "--backbone", "../given/tiny.onnx@stage2"}, train...), append([]string{"work/runs/both"}, features...)},
		{0, []string{"evaluate", "--model", "runs/first/model.onnx", "--data", "../given/cells", "--skip-bad"}, nil},
		{0, []string{"predict", "--model", "runs/first/model.onnx", "../given/cells/Uninfected"}, nil},
		{0, []string{"export", "--run", "runs/first", "out.onnx"}, []string{"work/out.onnx"}},
		{0, []string{"bench", "--backbone", "../given/tiny.onnx", "--size", "32", "--batch", "1", "--rounds", "1", "--precision", "f32"}, nil},
		{0, []string{"bench", "--backbone", "tiny", "--size", "32", "--batch", "1", "--rounds", "1", "--precision", "f32"}, nil},
		{1, []string{"weights", "inspect", "../given/pickle.onnx"}, nil},
		{1, []string{"summary", "--backbone", "../given/page.onnx"}, nil},
		{1, []string{"finetune", "--backbone", "../given/pickle.onnx", "--data", "../given/cells", "--skip-bad"}, nil},
		{1, []string{"finetune", "--backbone", "../given/tiny.onnx", "--data", "../given/escape.csv"}, nil},
		{1, []string{"finetune", "--backbone", "../given/tiny.onnx", "--data", "../given/cells"}, nil},
		{1, []string{"finetune", "--backbone", "resnet50", "--data", "../given/cells", "--skip-bad"}, nil},
		{1, []string{"predict", "--model", "../given/tiny.onnx", "../given/cells"}, nil},
	} {
		before := p.listing(t)
		p.tl(t, c.code, c.args...)
		wrote := changed(before, p.listing(t))
		for _, path := range wrote {
			if !isWithin(path, c.allowed) {
				t.Errorf("tl %q changed %s", c.args, path)
			}
		}
		if c.allowed != nil && len(wrote) == 0 {
			t.Errorf("tl %q changed nothing, wanted something under %v", c.args, c.allowed)
		}
	}
	if made := slices.Sorted(maps.Keys(p.listing(t))); !slices.Contains(made, "work/runs/first/model.onnx") {
		t.Errorf("the run's model is not where the test looks: %q", made)
	}
}
