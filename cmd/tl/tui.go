package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/tlkit/tl/finetune"
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
	start time.Time
	last  time.Time
	first int // done when the work began to move: rates leave out what was there
}

var _ finetune.Progress = (*voice)(nil)

func newVoice(w io.Writer) *voice {
	v := &voice{w: w}
	if f, ok := w.(*os.File); ok {
		v.terminal = term.IsTerminal(int(f.Fd()))
	}
	return v
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
	v.start, v.last = time.Now(), time.Now()
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
		v.first, v.start = done, time.Now()
	}
	if v.bar != nil {
		_ = v.bar.Set(done) // a bar that cannot be drawn stops nothing
		return
	}
	if time.Since(v.last) >= plainEvery {
		v.last = time.Now()
		fmt.Fprintf(v.w, "%s: %d of %d %s%s\n", v.what, done, v.total, v.unit, v.rate())
	}
}

// rate says how fast it goes and how long it will take.
func (v *voice) rate() string {
	seconds := time.Since(v.start).Seconds()
	if v.done <= v.first || seconds <= 0 {
		return ""
	}
	r := float64(v.done-v.first) / seconds
	left := time.Duration(float64(v.total-v.done) / r * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf(", %.1f %s/s, %s left", r, v.unit, left)
}

// End finishes the display with one line that stays.
func (v *voice) End() {
	if v.what == "" {
		return
	}
	v.clear()
	seconds := time.Since(v.start).Seconds()
	line := fmt.Sprintf("%s: %d of %d %s in %.1f s", v.what, v.done, v.total, v.unit, seconds)
	if v.done > v.first && v.first >= 0 && seconds > 0 {
		line += fmt.Sprintf(" (%.1f %s/s)", float64(v.done-v.first)/seconds, v.unit)
	}
	v.what, v.bar = "", nil
	fmt.Fprintln(v.w, line)
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

// fail prints an error and, where its text ends in parentheses, the hint.
func (v *voice) fail(err error) {
	text, hint := splitHint(err.Error())
	v.Note("tl: error: " + text)
	if hint != "" {
		v.Note("tl: hint: " + hint)
	}
}

// interrupted says what Ctrl-C left behind.
func (v *voice) interrupted() {
	v.Note("tl: stopped; finished epochs and features are kept")
	v.Note("tl: hint: tl finetune --resume RUNFOLDER goes on; before the first epoch, repeat the command")
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

// unknownCommand names the command that was meant, where one is near.
func unknownCommand(c *cli.Context) error {
	name := c.Args().First()
	if s := cli.SuggestCommand(c.App.Commands, name); s != "" {
		return fmt.Errorf("unknown command %q (tl %s)", name, s)
	}
	return fmt.Errorf("unknown command %q (tl --help lists the commands)", name)
}
