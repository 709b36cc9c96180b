package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the sessions run tl as a process of its own: this binary.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tl": main, "sealed": sealed, "probe": probe})
}

// TestSessions runs testdata/*.txtar, each a user's session in an empty folder.
func TestSessions(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir+"/home") // caches and named weights
			e.Setenv("LocalAppData", e.WorkDir+"/home")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "interrupt": interrupt, "interruptPrinting": interruptPrinting, "json": isJSON},
	})
}

// failure is how every failure ends.
var failure = regexp.MustCompile(`(?s)(^|\n)tl: error: .+\ntl: hint: [^\n]+\n$`)

// exits runs a command that must end with an exit code, and fails the way tl
// fails: an error, then what to type, and nothing but these two at the end.
//
//	exits CODE COMMAND …
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if got := exitCode(err); got != want {
		ts.Fatalf("%q: exit code %d, wanted %d: %v", args[1:], got, want, err)
	}
	if want == exitError || want == exitUsage {
		said := ts.ReadFile("stderr")
		if !failure.MatchString(said) {
			ts.Fatalf("%q: wants tl: error: … and tl: hint: … at the end of\n%s", args[1:], said)
		}
	}
}

// interrupt runs a command, sends it what Ctrl-C sends as soon as a file is
// there, and wants the exit code of a stopped command.
//
//	interrupt FILE HINT COMMAND …
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	file, want := ts.MkAbs(args[0]), args[1]
	args = args[1:]
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	c := exec.Command(path, args[2:]...)
	var said strings.Builder
	c.Dir, c.Stderr, c.Env = ts.MkAbs("."), &said, append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	ts.Check(c.Start())
	for {
		if _, err := os.Stat(file); err == nil {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	ts.Check(c.Process.Signal(os.Interrupt))
	if got := exitCode(c.Wait()); got != exitInterrupted || !strings.Contains(said.String(), "tl: stopped") || !strings.Contains(said.String(), want) {
		ts.Fatalf("%q: exit code %d after Ctrl-C, wanted %d and %q in\n%s", args[1:], got, exitInterrupted, want, &said)
	}
}

// interruptPrinting runs a command and sends it what Ctrl-C sends after its
// second line: what it printed are whole lines, more than the first.
//
//	interruptPrinting COMMAND …
func interruptPrinting(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	c := exec.Command(path, args[1:]...)
	c.Dir, c.Env = ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	lines := bufio.NewReader(out)
	for range 2 {
		_, err := lines.ReadString('\n')
		ts.Check(err)
	}
	ts.Check(c.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(lines)
	ts.Check(err)
	if got := exitCode(c.Wait()); got != exitInterrupted || len(rest) > 0 && rest[len(rest)-1] != '\n' {
		ts.Fatalf("%q: exit code %d after Ctrl-C, wanted %d and whole lines, found %q", args, got, exitInterrupted, rest)
	}
}

// isJSON wants files that hold valid JSON.
//
//	json FILE …
func isJSON(ts *testscript.TestScript, _ bool, args []string) {
	for _, f := range args {
		if !json.Valid([]byte(ts.ReadFile(f))) {
			ts.Fatalf("%s: no valid JSON:\n%s", f, ts.ReadFile(f))
		}
	}
}

func exitCode(err error) int {
	var e *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.ExitCode()
	}
	return -1
}
