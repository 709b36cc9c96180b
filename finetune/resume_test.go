package finetune

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a run cost is what all its processes cost together.
func TestCostsAddUp(t *testing.T) {
	s := newScene(t)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, s.options("a"), &stopper{cancel: cancel, epochs: 3}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f := &Folder{Path: filepath.Join(s.runs, "a")}
	log, err := f.readLog()
	if err != nil || len(log) != 3 {
		t.Fatalf("%d epochs in the log, %v", len(log), err)
	}
	for i := range log {
		log[i].Seconds = 1000
	}
	if err := f.writeLog(log); err != nil { // as if the first process had taken that long
		t.Fatal(err)
	}
	again := func() *Outcome {
		out, err := Resume(t.Context(), f.Path, Place{CacheDir: s.cache, Threads: 1}, Silent{})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := again()
	if first.TrainSeconds < 3000 || first.TrainSeconds > 3100 || first.Seconds < first.TrainSeconds {
		t.Errorf("training took %g s, all %g s; want the 3000 s before and some", first.TrainSeconds, first.Seconds)
	}
	first.ExtractSeconds, first.PeakMemory = 500, 1<<50
	if err := writeJSON(f.file(resultFile), first); err != nil {
		t.Fatal(err)
	}
	second := again()
	if math.Abs(second.TrainSeconds-first.TrainSeconds) > 1e-9 || second.ExtractSeconds < 500 || second.Seconds < first.Seconds || second.PeakMemory != 1<<50 {
		t.Errorf("a finished run that went on cost %+v, before %+v", second, first)
	}
}

// A damaged log spoils nothing: the checkpoint knows the history.
func TestDamagedLog(t *testing.T) {
	s := newScene(t)
	calm, out := run1(t, s.options("calm")), run1(t, s.options("a"))
	if err := os.WriteFile(filepath.Join(out.Folder, logFile), []byte("{\"epoch\":1}\n{\"epo"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := &warned{}
	if _, err := Resume(t.Context(), out.Folder, Place{CacheDir: s.cache}, w); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(w.warnings, func(s string) bool { return strings.Contains(s, logFile) }) {
		t.Errorf("warnings %q do not speak of the log", w.warnings)
	}
	sameLog(t, calm.Folder, out.Folder)
	sameFiles(t, calm.Folder, out.Folder, modelFile)
}

// Settings that somebody changed by hand to what cannot be are refused.
func TestSettingsAreChecked(t *testing.T) {
	s := newScene(t)
	out := run1(t, s.options("a"))
	path := filepath.Join(out.Folder, settingsFile)
	good := string(bytesOf(t, path))
	resolvedAt := strings.Index(good, `"resolved"`)
	for _, c := range []struct{ from, to, want string }{
		{`"epochs": 6`, `"epochs": 0`, "--epochs 0"},
		{`"batch": 16`, `"batch": 0`, "--batch 0"},
		{`"monitor": "loss"`, `"monitor": "luck"`, "--monitor luck"},
		{`"epochs": 6`, `"epochs": "six"`, "settings"},
	} {
		bad := good[:resolvedAt] + strings.Replace(good[resolvedAt:], c.from, c.to, 1)
		if bad == good {
			t.Fatalf("%s holds no %s", good, c.from)
		}
		if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Resume(t.Context(), out.Folder, Place{CacheDir: s.cache}, Silent{})
		wantError(t, err, settingsFile, c.want)
		_, err = Export(t.Context(), s.runs, out.Folder, filepath.Join(t.TempDir(), "x.onnx"), s.cache, "", Silent{})
		if err != nil {
			t.Errorf("a finished model needs no settings: %v", err)
		}
	}
}

// Paths in the settings hold in any folder, and what moved can be named.
func TestResumeElsewhere(t *testing.T) {
	s := newScene(t)
	here := t.TempDir()
	t.Chdir(here)
	o := s.options("a")
	o.Data.Path, o.Backbone = "cells", "net.onnx"
	if err := os.CopyFS("cells", os.DirFS(s.data)); err != nil {
		t.Fatal(err)
	}
	copyTo(t, "net.onnx", s.backbone)
	out := run1(t, o)
	settings, err := readSettings(out.Folder)
	if err != nil {
		t.Fatal(err)
	}
	if settings.Given.Data.Path != "cells" || !filepath.IsAbs(settings.Resolved.Data.Path) || !filepath.IsAbs(settings.Resolved.Backbone) || !filepath.IsAbs(settings.Images) {
		t.Errorf("settings %+v", settings)
	}
	t.Chdir(t.TempDir())
	if _, err := Resume(t.Context(), out.Folder, Place{CacheDir: s.cache}, Silent{}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(filepath.Join(here, "cells"), "moved"), os.Rename(filepath.Join(here, "net.onnx"), "net.onnx")); err != nil {
		t.Fatal(err)
	}
	_, err = Resume(t.Context(), out.Folder, Place{CacheDir: s.cache}, Silent{})
	wantError(t, err, "cells")
	model := filepath.Join(out.Folder, modelFile)
	before := string(bytesOf(t, model))
	if err := os.Remove(model); err != nil {
		t.Fatal(err)
	}
	for _, at := range []Place{{Data: "moved", Backbone: "net.onnx", CacheDir: s.cache}, {CacheDir: s.cache}} { // told once, it is known
		if _, err := Resume(t.Context(), out.Folder, at, Silent{}); err != nil {
			t.Fatal(err)
		}
	}
	if string(bytesOf(t, model)) != before {
		t.Error("the model differs after the move")
	}
}

// Who takes a folder clears away what a killed process left half-written.
func TestFolderIsTidied(t *testing.T) {
	dir := t.TempDir()
	left, kept := filepath.Join(dir, "."+modelFile+".tl-tmp-123"), filepath.Join(dir, ".lock")
	for _, path := range []string{left, kept} {
		if err := os.WriteFile(path, []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	f, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if exists(left) || !exists(kept) {
		t.Errorf("%s left: %v, %s kept: %v", left, exists(left), kept, exists(kept))
	}
}
