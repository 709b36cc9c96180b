package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/onnx"
)

// The rules of the terminal:
//
//   - Results go to standard output, everything else to standard error.
//   - "tl: error: …" says what is wrong and where; "tl: hint: …" says what to
//     type. An error's text ends with its hint in parentheses, in whatever
//     package it was made.
//   - "tl: warning: …" is a fact that may spoil the result.
//   - Long work shows a bar with rate and time left on a terminal, and a plain
//     line every ten seconds elsewhere.
const plainEvery = 10 * time.Second

// voice is the terminal's one voice. It is a finetune.Progress.
type voice struct {
	w        io.Writer
	terminal bool

	bar   *progressbar.ProgressBar
	what  string
	unit  string
	total int
	done  int
	begun time.Time
	last  time.Time // of the last plain line
	moved time.Time // of the first Advance
	first int       // done at the first Advance: rates leave out what was there
}

var _ finetune.Progress = (*voice)(nil)

func newVoice(w io.Writer) *voice {
	return &voice{w: w, terminal: isTerminal(w)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Note prints one line.
func (v *voice) Note(text string) {
	v.clear()
	fmt.Fprintln(v.w, text)
}

// Warn prints a warning.
func (v *voice) Warn(text string) { v.Note("tl: warning: " + text) }

// Begin starts a progress display.
func (v *voice) Begin(what, unit string, total int) {
	v.End()
	v.what, v.unit, v.total, v.done, v.first = what, unit, total, 0, -1
	v.begun, v.last = time.Now(), time.Now()
	if v.terminal {
		v.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(v.w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
}

// Advance moves the display to done units.
func (v *voice) Advance(done int) {
	if v.what == "" {
		return
	}
	v.done = done
	if v.first < 0 {
		v.first, v.moved = done, time.Now()
	}
	if v.bar != nil {
		_ = v.bar.Set(done) // a bar that cannot be drawn stops nothing
		return
	}
	if time.Since(v.last) >= plainEvery {
		v.last = time.Now()
		fmt.Fprintln(v.w, v.line(time.Now()))
	}
}

// line is the plain progress at a moment: how far, how fast, how long still.
func (v *voice) line(now time.Time) string {
	s := fmt.Sprintf("%s: %d of %d %s", v.what, v.done, v.total, v.unit)
	if r := v.rate(now); r > 0 {
		left := time.Duration(float64(v.total-v.done) / r * float64(time.Second)).Round(time.Second)
		s += fmt.Sprintf(", %s, %s left", v.speed(r), left)
	}
	return s
}

// rate is units a second since work began to move; 0 in the first second and
// where nothing moved, when it would say nothing.
func (v *voice) rate(now time.Time) float64 {
	seconds := now.Sub(v.moved).Seconds()
	if v.first < 0 || v.done <= v.first || seconds < 1 {
		return 0
	}
	return float64(v.done-v.first) / seconds
}

// speed words a rate: 213 images/s, 4.2 images/s.
func (v *voice) speed(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.1f %s/s", rate, v.unit)
	}
	return fmt.Sprintf("%.0f %s/s", rate, v.unit)
}

// End finishes the display with one line that stays.
func (v *voice) End() {
	if v.what == "" {
		return
	}
	v.clear()
	line := v.summary(time.Now())
	v.what, v.bar = "", nil
	fmt.Fprintln(v.w, line)
}

// summary is the line that stays.
func (v *voice) summary(now time.Time) string {
	s := fmt.Sprintf("%s: %d of %d %s in %.1f s", v.what, v.done, v.total, v.unit, now.Sub(v.begun).Seconds())
	if r := v.rate(now); r > 0 {
		s += " (" + v.speed(r) + ")"
	}
	return s
}

// Epoch prints one line for each pass over the training images.
func (v *voice) Epoch(e finetune.Epoch) {
	mark := ""
	if e.Best {
		mark = "  best so far"
	}
	v.Note(fmt.Sprintf("epoch %3d  loss %.4f  val loss %.4f  val accuracy %.4f  val AUC %.4f  %.1f s%s",
		e.Epoch, e.TrainLoss, e.ValLoss, e.ValAccuracy, e.ValAUC, e.Seconds, mark))
}

// clear takes the bar off the line.
func (v *voice) clear() {
	if v.bar != nil {
		_ = v.bar.Clear()
	}
}

// fail prints an error and what to type. Every error has a hint: its own, or
// one for its kind.
func (v *voice) fail(err error, command string) {
	text, hint := splitHint(err.Error())
	var bad *dataset.BadError
	var content onnx.ContentError
	switch {
	case errors.As(err, &bad):
		text, hint = err.Error(), "--skip-bad leaves them out; tl data check "+bad.Root+" looks at all files"
	case hint != "":
	case errors.Is(err, fs.ErrNotExist):
		hint = "check the path; it counts from the folder you are in" + here()
	case errors.Is(err, syscall.ENOSPC):
		hint = "free some space, or choose another disk, and repeat the command: what is done is kept"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		hint = "check the rights of that path, or choose another"
	case errors.As(err, &content):
		hint = "fetch the file again, or export the network anew; tl weights list shows networks that work"
	default:
		hint = command + " --help says what the command wants"
	}
	v.Note("tl: error: " + text)
	v.Note("tl: hint: " + hint)
}

// here is the folder that relative paths count from.
func here() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return ", " + dir
}

// interrupted says what Ctrl-C left behind and how to go on.
func (v *voice) interrupted(err error) {
	_, hint := splitHint(err.Error())
	if hint == "" {
		hint = "repeat the command; what was downloaded or computed is not lost"
	}
	v.Note("tl: stopped; what was finished is kept")
	v.Note("tl: hint: " + hint)
}

// splitHint cuts a text that ends in "(…)" in two.
func splitHint(s string) (text, hint string) {
	if !strings.HasSuffix(s, ")") {
		return s, ""
	}
	depth := 0
	for i := len(s) - 1; i > 0; i-- {
		switch s[i] {
		case ')':
			depth++
		case '(':
			depth--
		}
		if depth == 0 {
			if s[i-1] != ' ' || !strings.Contains(s[i:], " ") {
				return s, "" // a shape such as (3,224,224)
			}
			return strings.TrimRight(s[:i-1], " "), s[i+1 : len(s)-1]
		}
	}
	return s, ""
}
