package main

import (
	"bufio"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// stage is how far a run is, by what it said.
type stage int

// The stages of tl finetune.
const (
	opening stage = iota // network, images, split
	extracting
	training
	writing // evaluation, model, report
	stageCount
)

// stageOf returns the stage that a line begins.
func stageOf(line string) (stage, bool) {
	switch {
	case strings.HasPrefix(line, "features: cached in"), strings.HasPrefix(line, "extracting features: 200 of 200"):
		return training, true
	case strings.HasPrefix(line, "features: "):
		return extracting, true
	case line == "evaluating":
		return writing, true
	}
	return opening, false
}

// cut says when to kill a process: so long after a stage began.
type cut struct {
	in    stage
	after time.Duration
}

// attempt is one process of tl that has ended.
type attempt struct {
	err    error // nil: it ended well; killed or exit code otherwise
	killed bool  // by signal 9, ours or the system's
	at     stage // the last it began
	took   [stageCount]time.Duration
	lines  []string
	epochs map[int]string // reported as finished: number → line without seconds
}

func (a *attempt) said() string { return strings.Join(a.lines, "\n") }

// refused returns an error unless the process ended by itself with exit code 1,
// an error that says one of the words, and a hint.
func (a *attempt) refused(words ...string) error {
	said := strings.ToLower(a.said())
	var exit *exec.ExitError
	switch {
	case !errors.As(a.err, &exit) || exit.ExitCode() != 1:
		return fmt.Errorf("ended with %v, wants exit code 1:\n%s", a.err, a.said())
	case !strings.Contains(said, "tl: error: ") || !strings.Contains(said, "tl: hint: "):
		return fmt.Errorf("no error with a hint:\n%s", a.said())
	}
	for _, w := range words {
		if strings.Contains(said, strings.ToLower(w)) {
			return nil
		}
	}
	return fmt.Errorf("says none of %q:\n%s", words, a.said())
}

var (
	epochLine = regexp.MustCompile(`^epoch +(\d+) .*`)
	seconds   = regexp.MustCompile(` +\d+\.\d s`)
)

// start runs tl in a place, kills it at c, and returns when it has ended.
func (s *scene) start(place string, c *cut, words ...string) *attempt {
	return s.startAs(place, c, nil, append([]string{s.tl}, words...)...)
}

// startAs is start for a command that becomes tl, such as a shell that sets
// limits first. heard, where it is given, hears every line.
func (s *scene) startAs(place string, c *cut, heard func(line string), command ...string) *attempt {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = place
	out, err := cmd.StderrPipe()
	a := &attempt{epochs: map[int]string{}}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		a.err = err
		return a
	}
	began := time.Now()
	var once sync.Once
	fuse := func(now stage) {
		if c != nil && now >= c.in {
			once.Do(func() { time.AfterFunc(c.after, func() { _ = cmd.Process.Kill() }) })
		}
	}
	fuse(opening)
	for sc := bufio.NewScanner(out); sc.Scan(); {
		line := sc.Text()
		a.hear(line)
		if heard != nil {
			heard(line)
		}
		if now, ok := stageOf(line); ok && now > a.at {
			a.took[a.at], a.at, began = time.Since(began), now, time.Now()
			fuse(now)
		}
	}
	a.err = cmd.Wait()
	a.took[a.at] = time.Since(began)
	a.killed = cmd.ProcessState.String() == "signal: killed"
	return a
}

// hear keeps a line, and the epoch that it reports.
func (a *attempt) hear(line string) {
	a.lines = append(a.lines, line)
	if m := epochLine.FindStringSubmatch(line); m != nil {
		var n int
		fmt.Sscan(m[1], &n)
		a.epochs[n] = seconds.ReplaceAllString(line, "")
	}
}

// begun runs tl in a new place until some epochs are reported, and kills it.
func (s *scene) begun(place string) *attempt {
	a := s.start(place, &cut{training, s.stages[training] / 3}, s.finetune()...)
	s.problem("a run killed in training", s.check(place, a.epochs))
	return a
}

// ends goes on with the run in a place and compares what it ends with.
func (s *scene) ends(about, place string) {
	a := s.start(place, nil, s.goOn(place)...)
	if a.err != nil {
		s.problem(about, fmt.Errorf("does not go on: %w\n%s", a.err, a.said()))
		return
	}
	s.problem(about, errors.Join(s.check(place, a.epochs), s.equal(place)))
}

// folder is the run folder in a place.
func folder(place string) string { return filepath.Join(place, filepath.FromSlash(runFolder)) }
