package finetune

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/weights"
)

// meddler does something when a step of a run begins.
type meddler struct {
	Silent
	when string
	do   func()
}

func (m meddler) Begin(what, _ string, _ int) {
	if what == m.when {
		m.do()
	}
}

// ownImages is options with a copy of the images that a test may spoil, and
// the first of them.
func (s scene) ownImages(t *testing.T, name string) (Options, string) {
	t.Helper()
	o := s.options(name)
	o.Data.Path = copyTree(t, s.data, func(class, file string) string { return class + "/" + file })
	return o, filepath.Join(o.Data.Path, filepath.FromSlash(openedData(t, o).set.Items[0].Path))
}

// exchange puts another picture in the place of path.
func exchange(t *testing.T, path string) {
	t.Helper()
	other, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	copyTo(t, path, other[len(other)-1])
}

// An image that is gone when its turn comes stops the run and is named; put
// back, the run goes on.
func TestImageRemovedAfterScan(t *testing.T) {
	s := newScene(t)
	o, image := s.ownImages(t, "a")
	kept := bytesOf(t, image)
	_, err := Run(t.Context(), o, meddler{when: "extracting features", do: func() { os.Remove(image) }})
	wantError(t, err, image, "no such file", "(put the file back and go on with what was begun: tl finetune --resume RUN;")
	if err := os.WriteFile(image, kept, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(t.Context(), filepath.Join(s.runs, "a"), Place{CacheDir: s.cache, Threads: 1}, Silent{}); err != nil {
		t.Error(err)
	}
}

// An image that is another one than was scanned stops the run and is named,
// when training and when evaluating.
func TestImageChangedAfterScan(t *testing.T) {
	s := newScene(t)
	o, image := s.ownImages(t, "a")
	kept := bytesOf(t, image)
	_, err := Run(t.Context(), o, meddler{when: "extracting features", do: func() { exchange(t, image) }})
	wantError(t, err, image, "has changed since it was scanned: sha256 is ", "(put the file back and go on with what was begun: tl finetune --resume RUN;")
	if err := os.WriteFile(image, kept, 0o644); err != nil {
		t.Fatal(err)
	}
	o.Name = "b"
	m, err := OpenModel(filepath.Join(run1(t, o).Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, err = m.Evaluate(t.Context(), o.Data, "", meddler{when: "predicting", do: func() { exchange(t, image) }})
	wantError(t, err, image, "has changed since it was scanned")
}

// A run's split.csv brings its digests along: another image under an old name
// is not taken for the old one.
func TestManifestKnowsItsImages(t *testing.T) {
	s := newScene(t)
	o, image := s.ownImages(t, "a")
	split := filepath.Join(run1(t, o).Folder, splitFile)
	exchange(t, image)
	_, err := OpenData(t.Context(), DataOptions{Path: split}, Silent{})
	wantError(t, err, split, filepath.Base(image), "has changed since its manifest was written", "put the file back")
	_, err = Resume(t.Context(), filepath.Dir(split), Place{CacheDir: s.cache}, Silent{})
	wantError(t, err, split, filepath.Base(image)+" has changed: sha256 is ", "put the images back")
	damage(t, split, -200)
	_, err = Resume(t.Context(), filepath.Dir(split), Place{CacheDir: s.cache}, Silent{})
	wantError(t, err, split, "put the file back")
}

// stopped is a run that was stopped after two epochs, and its checkpoint.
func (s scene) stopped(t testing.TB) (folder string, c *weights.Checkpoint) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, s.options("stopped"), &stopper{cancel: cancel, epochs: 2}); err == nil {
		t.Fatal("the run was not stopped")
	}
	folder = filepath.Join(s.runs, "stopped")
	c, err := weights.LoadCheckpoint(filepath.Join(folder, checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	return folder, c
}

// Whatever spoils a checkpoint is said of it; none goes on unnoticed.
func TestCheckpointOfStrangers(t *testing.T) {
	s := newScene(t)
	folder, c := s.stopped(t)
	path := filepath.Join(folder, checkpointFile)
	good := bytesOf(t, path)
	meta := func(from, to string) func() error {
		return func() error {
			changed := strings.Replace(string(c.Meta), from, to, 1)
			if changed == string(c.Meta) {
				t.Fatalf("%s holds no %s", c.Meta, from)
			}
			return weights.SaveCheckpoint(path, &weights.Checkpoint{Meta: json.RawMessage(changed), Arrays: c.Arrays})
		}
	}
	bytes := func(b []byte) func() error { return func() error { return os.WriteFile(path, b, 0o644) } }
	var st state
	if err := json.Unmarshal(c.Meta, &st); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		what  string
		spoil func() error
		want  string
	}{
		{"empty", bytes(nil), "cut off"},
		{"cut", bytes(good[:len(good)/2]), "cut off"},
		{"a bit", bytes(append(append([]byte{}, good[:len(good)-9]...), good[len(good)-9]^1, 0, 0, 0, 0, 0, 0, 0, 0)), "damaged"},
		{"web page", bytes([]byte("<!DOCTYPE html><html>")), "no checkpoint of tl"},
		{"version", bytes([]byte(strings.Replace(string(good), `"tl.version":"1"`, `"tl.version":"2"`, 1))), `version "2", this program reads version "1"`},
		{"settings", meta(st.Settings, strings.Repeat("0", 64)), "belongs to other settings than"},
		{"images", meta(st.Images, strings.Repeat("0", 64)), "belongs to other images, or another split"},
		{"backbone", meta(st.Features, strings.Repeat("0", 64)), "belongs to features of other weights"},
		{"older tl", meta(`"settings"`, `"digest"`), "belongs to another version of tl than"},
		{"steps", meta(`"step":`, `"step":1`), "steps cannot be"},
		{"epoch", meta(`"epoch":2,"step"`, `"epoch":2000000000,"step"`), "epoch 2000000000 of 6"},
		{"best", meta(`"best":`, `"best":-`), "best -"},
		{"history", meta(`{"epoch":1,`, `{"epoch":7,`), "epoch 7 is the 1. of the history"},
		{"no JSON", meta(`{`, `[`), "damaged"},
		{"arrays", func() error { return weights.SaveCheckpoint(path, &weights.Checkpoint{Meta: c.Meta}) }, "wants"},
	} {
		if err := k.spoil(); err != nil {
			t.Fatalf("%s: %v", k.what, err)
		}
		_, err := Resume(t.Context(), folder, Place{CacheDir: s.cache, Threads: 1}, Silent{})
		if err == nil || !strings.Contains(err.Error(), k.want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: error %v, wants %q and the file, once", k.what, err, k.want)
		}
	}
}

// A run of another kind of processor does not go on with other features.
func TestCheckpointOfAnotherMachine(t *testing.T) {
	kernels(t, "avx2")
	t.Setenv("TL_CPU", "portable")
	s := newScene(t)
	folder, _ := s.stopped(t)
	t.Setenv("TL_CPU", "avx2")
	_, err := Resume(t.Context(), folder, Place{CacheDir: s.cache, Threads: 1}, Silent{})
	wantError(t, err, checkpointFile, "another kind of processor", "another --name")
}

// A cache of another network under the name of this one's is noticed by its
// header, said and computed anew.
func TestCacheOfAnotherBackbone(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	mine, err := extracted(t, t.Context(), o, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	good := bytesOf(t, mine)
	o.CacheDir = filepath.Join(s.cache, "other")
	o.Backbone = seeded(t, "tiny", weights.SeededOptions{Size: 32, Classes: 10, Seed: 9})
	other, err := extracted(t, t.Context(), o, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	copyTo(t, mine, other)
	w := &warned{}
	if _, err := extracted(t, t.Context(), s.options(""), w); err != nil {
		t.Fatal(err)
	}
	if len(w.warnings) != 1 || !strings.Contains(w.warnings[0], mine+": its header is not what its name says") {
		t.Errorf("warnings %q", w.warnings)
	}
	if string(bytesOf(t, mine)) != string(good) {
		t.Error("the cache still holds the other network's features")
	}
}

// A cache header that no file of its length can have is refused before memory
// is taken for it.
func TestCacheHeaderIsCheckedAgainstSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.features")
	for want, h := range map[string]cacheHeader{
		"rows of shape [1073741824 1073741824 1073741824]": {Type: "f16", Shape: []int{1 << 30, 1 << 30, 1 << 30}},
		"rows of shape [-1]":  {Type: "f32", Shape: []int{-1}},
		`elements of type ""`: {Shape: []int{1}},
		`image "abc"`:         {Type: "f32", Images: []string{"abc"}},
	} {
		if err := os.WriteFile(path, h.preamble(), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := readCacheHeader(path)
		wantError(t, err, want)
	}
}

// Settings that are cut off, damaged or of another tl are refused with a word
// of what to do; of another version that fits, resuming warns.
func TestSettingsOfStrangers(t *testing.T) {
	s := newScene(t)
	folder := run1(t, s.options("a")).Folder
	path := filepath.Join(folder, settingsFile)
	good := string(bytesOf(t, path))
	newer := strings.Replace(good, `"version": "`+Version+`"`, `"version": "7.0.0"`, 1)
	for _, c := range []struct{ what, text, want string }{
		{"empty", "", "is damaged: EOF"},
		{"cut", good[:len(good)/2], "is damaged: unexpected EOF"},
		{"two", good + "{}", "something follows the settings"},
		{"field", strings.Replace(good, `"seed"`, `"luck"`, 1), `is damaged: json: unknown field "luck"`},
		{"newer", strings.Replace(newer, `"seed"`, `"luck"`, 1), `was written by tl 7.0.0, this is tl ` + Version + `: json: unknown field "luck" (go on with that version`},
		{"null", "null", "no data"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Resume(t.Context(), folder, Place{CacheDir: s.cache}, Silent{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, wants %q", c.what, err, c.want)
		}
	}
	if err := os.WriteFile(path, []byte(newer), 0o644); err != nil {
		t.Fatal(err)
	}
	w := &warned{}
	if _, err := Resume(t.Context(), folder, Place{CacheDir: s.cache}, w); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(w.warnings, "\n"), "began with tl 7.0.0, this is tl "+Version) {
		t.Errorf("warnings %q do not name the version", w.warnings)
	}
}

// A log or a result that lies about time spoils neither the run nor its
// result.json, which must hold numbers.
func TestLogAndResultOfStrangers(t *testing.T) {
	s := newScene(t)
	out := run1(t, s.options("a"))
	for name, text := range map[string]string{
		logFile:    `{"epoch":1,"seconds":1e308}` + "\n" + `{"epoch":2,"seconds":1e308}`,
		resultFile: `{"seconds":1e308,"extract_seconds":1e308,"peak_memory_bytes":-5}`,
	} {
		if err := os.WriteFile(filepath.Join(out.Folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w := &warned{}
	again, err := Resume(t.Context(), out.Folder, Place{CacheDir: s.cache, Threads: 1}, w)
	if err != nil {
		t.Fatal(err)
	}
	if again.Seconds > 3600 || again.TrainSeconds < 0 || !strings.Contains(strings.Join(w.warnings, "\n"), "epoch 1 of 1e+308 s") {
		t.Errorf("%g seconds, warnings %q", again.Seconds, w.warnings)
	}
}

// inMemory is a folder for a file that each execution writes anew: ext4 writes
// such a file out at once (auto_da_alloc, see ext4(5)), which would be most of
// the time.
func inMemory(f *testing.F) string {
	dir, err := os.MkdirTemp("/dev/shm", "tl-fuzz-")
	if err != nil {
		return f.TempDir()
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// FuzzFeatureCache opens any bytes as a cache: an error, or rows that fit their
// checks.
func FuzzFeatureCache(f *testing.F) {
	h := cacheHeader{Key: "k", Type: "f16", Shape: []int{2, 1, 1}, Images: []string{strings.Repeat("0a", 32), strings.Repeat("f1", 32)}}
	path := filepath.Join(inMemory(f), "x.features")
	c, err := openFeatureFile(path, h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytesOf(f, path))
	for i := range h.Images {
		if err := c.write(i, []float32{float32(i), -2}); err != nil {
			f.Fatal(err)
		}
	}
	if err := c.f.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(bytesOf(f, path))
	f.Add([]byte(cacheMagic + "\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add(cacheHeader{Type: "f32", Shape: []int{-1, math.MaxInt}}.preamble())
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		said, err := readCacheHeader(path)
		for _, h := range []cacheHeader{h, said} {
			if x, e := openFeatures(path, h); e == nil {
				if len(h.Images) > 0 && (h.rowBytes() < 1 || x.read(make([]float32, h.rowSize()), h.Images[0]) != nil) {
					t.Fatalf("opened, but not read: %+v", h)
				}
				x.close()
			}
			if err != nil {
				return // the file does not say what it holds
			}
		}
		p, err := openFeatureFile(path, h)
		if err != nil {
			t.Fatal(err)
		}
		defer p.f.Close()
		if _, err := p.missing(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzResume goes on from a checkpoint with any state and numbers: an error, or
// a training that the options allow.
func FuzzResume(f *testing.F) {
	s := newScene(f)
	_, c := s.stopped(f)
	t := openedTrainer(f, s.options("stopped"))
	fresh := t.state
	f.Add([]byte(c.Meta), []byte{}, uint8(0))
	f.Add([]byte(c.Meta), []byte{0, 0, 0xc0, 0x7f}, uint8(3))
	f.Add([]byte(`{"epoch":-1}`), []byte{1}, uint8(1))
	f.Fuzz(func(tt *testing.T, meta, data []byte, drop uint8) {
		spoilt := &weights.Checkpoint{Meta: meta}
		for i, a := range c.Arrays {
			if i+1 == int(drop) {
				a.Data = a.Data[:len(a.Data)/2]
			}
			a.Data = append([]float32(nil), a.Data...)
			for j := range min(len(a.Data), len(data)) {
				a.Data[j] = math.Float32frombits(uint32(data[j]) << 24)
			}
			spoilt.Arrays = append(spoilt.Arrays, a)
		}
		t.state = fresh
		if t.resume(spoilt) != nil {
			return
		}
		if st := t.state; st.Epoch < 1 || st.Epoch > t.o.Epochs || st.Best > st.Epoch || len(st.History) != st.Epoch || len(st.best) != len(t.best().head.Params()) {
			tt.Fatalf("goes on from %+v", st)
		}
		if err := t.useBest(); err != nil {
			tt.Fatal(err)
		}
		if rate := t.now().plan.at(t.state.Step); !(rate >= 0) {
			tt.Fatalf("learning rate %g at step %d", rate, t.state.Step)
		}
	})
}

// FuzzRunFolder reads any bytes as a run's settings, log and result: an error,
// or settings that are allowed and stay as they are, and times that add up.
func FuzzRunFolder(f *testing.F) {
	o, err := Options{Data: DataOptions{Path: "cells"}, Backbone: "resnet50"}.Resolved()
	if err != nil {
		f.Fatal(err)
	}
	js, err := json.Marshal(Settings{Version: Version, Images: "cells", Resolved: o})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(js, []byte(`{"epoch":1,"seconds":2}`+"\n"+`{"epoch":2}`), []byte(`{"seconds":1e308}`))
	f.Add([]byte(`{"version":"9","new":1}`), []byte(`{"epoch":-1,"seconds":1e308}`), []byte(`[`))
	f.Fuzz(func(t *testing.T, settings, log, result []byte) {
		if s, err := parseSettings(settings); err == nil {
			again, err := s.Resolved.Resolved()
			if err == nil {
				_, err = again.absolute()
			}
			if what := s.Resolved.difference(s.Resolved); err != nil || what != "" {
				t.Fatalf("%+v: %v, differs from itself in %s", s, err, what)
			}
		}
		epochs, _ := parseLog(log)
		out := &Outcome{}
		out.addEarlier(result, epochs)
		if _, err := json.Marshal(out); err != nil || out.PeakMemory < 0 {
			t.Fatalf("%+v: %v", out, err)
		}
	})
}
