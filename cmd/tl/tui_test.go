package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/onnx"
)

func TestSplitHint(t *testing.T) {
	for _, c := range []struct{ in, text, hint string }{
		{"no run (tl finetune makes one)", "no run", "tl finetune makes one"},
		{"no run", "no run", ""},
		{"weight (128,64,3,3) wants (1,3,224,224)", "weight (128,64,3,3) wants (1,3,224,224)", ""},
		{"x: node \"a\" (Conv): bad (try --cut (stage3) instead)", "x: node \"a\" (Conv): bad", "try --cut (stage3) instead"},
		{"gap(2 3)", "gap(2 3)", ""},
		{"unmatched 1 )", "unmatched 1 )", ""},
		{"(all of it)", "(all of it)", ""},
		{"", "", ""},
	} {
		if text, hint := splitHint(c.in); text != c.text || hint != c.hint {
			t.Errorf("splitHint(%q) = %q, %q, wanted %q, %q", c.in, text, hint, c.text, c.hint)
		}
	}
}

func TestEveryFailureHasAHint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "net.onnx")
	if err := os.WriteFile(path, []byte{8, 8, 0x3a, 9}, 0o644); err != nil {
		t.Fatal(err)
	}
	_, cut := onnx.Read(path)
	bad := &dataset.BadError{Root: "cells", Bad: []dataset.BadFile{{Path: "a.png", Bytes: 3, Reason: "cut off (at byte 3)"}}}
	for _, c := range []struct {
		err        error
		text, hint string
	}{
		{errors.New("odd (do this now)"), "odd", "do this now"},
		{fmt.Errorf("x: %w", fs.ErrNotExist), "x: file does not exist", "check the path"},
		{errors.New("odd"), "odd", "tl export --help"},
		{fmt.Errorf("x: %w", syscall.ENOSPC), "x: ", "free some space"},
		{fmt.Errorf("x: %w", syscall.EROFS), "x: ", "choose another"},
		{fmt.Errorf("open: %w", cut), "net.onnx: at byte 2 of 4", "fetch the file again, or export the network anew"},
		{fmt.Errorf("scan: %w", bad), "cut off (at byte 3)", "--skip-bad leaves them out; tl data check cells"},
	} {
		var b strings.Builder
		newVoice(&b).fail(c.err, "tl export")
		text, hint, ok := strings.Cut(b.String(), "\ntl: hint: ")
		if !ok || !strings.HasPrefix(text, "tl: error: ") || !strings.Contains(text, c.text) || !strings.Contains(hint, c.hint) {
			t.Errorf("fail(%v) says\n%s", c.err, &b)
		}
	}
}

// TestPlainProgress moves the clock by hand: rates leave out what was there
// before, and nothing is said of the first second.
func TestPlainProgress(t *testing.T) {
	at := func(seconds float64) time.Time { return time.Unix(1000, int64(seconds*1e9)) }
	v := voice{what: "extracting", unit: "images", total: 1000, first: 400, done: 400, begun: at(-2), moved: at(0)}
	for _, c := range []struct {
		done    int
		seconds float64
		want    string
	}{
		{400, 5, "extracting: 400 of 1000 images"},
		{900, 0.5, "extracting: 900 of 1000 images"},
		{600, 10, "extracting: 600 of 1000 images, 20 images/s, 20s left"},
		{415, 10, "extracting: 415 of 1000 images, 1.5 images/s, 6m30s left"},
		{1000, 10, "extracting: 1000 of 1000 images, 60 images/s, 0s left"},
	} {
		v.done = c.done
		if got := v.line(at(c.seconds)); got != c.want {
			t.Errorf("after %g s: %q, wanted %q", c.seconds, got, c.want)
		}
	}
	for seconds, want := range map[float64]string{
		0.9: "extracting: 1000 of 1000 images in 2.9 s",
		10:  "extracting: 1000 of 1000 images in 12.0 s (60 images/s)",
	} {
		if got := v.summary(at(seconds)); got != want {
			t.Errorf("ended after %g s: %q, wanted %q", seconds, got, want)
		}
	}
}

// TestNoEscapesElsewhere: what is no terminal gets whole lines and no bar.
func TestNoEscapesElsewhere(t *testing.T) {
	var b strings.Builder
	v := newVoice(&b)
	v.Advance(3) // belongs to nothing
	v.Begin("predicting", "images", 4)
	v.Advance(2)
	v.Warn("one is odd")
	v.Advance(4)
	v.End()
	v.End()
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 3 || lines[0] != "tl: warning: one is odd" || !strings.HasPrefix(lines[1], "predicting: 4 of 4 images in ") || strings.ContainsAny(b.String(), "\r\x1b") {
		t.Errorf("said %q", b.String())
	}
}
