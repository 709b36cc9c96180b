package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is one fuzz function.
type target struct {
	dir  string // of its package, e.g. "./onnx"
	name string // e.g. "FuzzParse"
}

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// find lists the targets in the Go modules' test files below root, by package
// and name, whose "dir name" matches.
func find(root string, match *regexp.Regexp) (all []target, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata"):
			return filepath.SkipDir // as the go command does
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range declaration.FindAllSubmatch(source, -1) {
			t := target{"./" + filepath.ToSlash(filepath.Dir(path)), string(m[1])}
			if match.MatchString(t.dir + " " + t.name) {
				all = append(all, t)
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b target) int { return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.name, b.name)) })
	return all, err
}

// result is what a target has done.
type result struct {
	spent             time.Duration
	executions, found int64
	failure           string // what failed, in a line; "" for nothing
	output            []byte
}

// fuzz runs go test for the given time.
func (t target) fuzz(share time.Duration, workers int) (r result) {
	args := []string{"test", "-run", "^$", "-fuzz", "^" + t.name + "$", "-fuzztime", share.String(), "-fuzzminimizetime", "100x"}
	if workers > 0 {
		args = append(args, "-parallel", strconv.Itoa(workers))
	}
	began := time.Now()
	out, err := exec.Command("go", append(args, t.dir)...).CombinedOutput()
	r.spent, r.output = time.Since(began), out
	r.executions, r.found = counts(out)
	if err != nil && !atDeadline(out) {
		r.failure = cmp.Or(cause(out), err.Error())
	}
	return r
}

var progress = regexp.MustCompile(`execs: (\d+) .*new interesting: (\d+)`)

// counts reads the last line of progress that go test has printed.
func counts(out []byte) (executions, found int64) {
	if all := progress.FindAllSubmatch(out, -1); len(all) > 0 {
		last := all[len(all)-1]
		executions, _ = strconv.ParseInt(string(last[1]), 10, 64)
		found, _ = strconv.ParseInt(string(last[2]), 10, 64)
	}
	return executions, found
}

// atDeadline reports whether nothing failed but go test's own deadline: on a
// busy machine it calls that a failure (go.dev/issue/56238).
func atDeadline(out []byte) bool {
	return bytes.Contains(out, []byte("context deadline exceeded")) && cause(out) == ""
}

var failing = regexp.MustCompile(`Failing input written to (\S+)|panic: (.*)|fatal error: (.*)|(\[build failed\])`)

// cause is the file of the failing input, or what else go test tells.
func cause(out []byte) string {
	m := failing.FindSubmatch(out)
	for i := 1; i < len(m); i++ {
		if len(m[i]) > 0 {
			return fmt.Sprintf("FAILED: %s", m[i])
		}
	}
	return ""
}
