package finetune

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tlkit/tl/internal/atomicfile"
)

// watched starts a child and calls do with the kind of each line, "images" or
// "epoch", before the child may go on. It returns how the child ended.
func watched(t *testing.T, c childRun, do func(p *os.Process, kind string, proceed func())) error {
	t.Helper()
	cmd := child(t, c)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for sc := bufio.NewScanner(out); sc.Scan(); {
		kind, _, _ := strings.Cut(sc.Text(), " ")
		do(cmd.Process, kind, func() { in.Write([]byte{'\n'}) })
	}
	return cmd.Wait()
}

// paces runs a child to its end and returns the mean time of a step of each kind.
func paces(t *testing.T, c childRun) map[string]time.Duration {
	t.Helper()
	sum, steps, last := map[string]time.Duration{}, map[string]time.Duration{}, time.Time{}
	err := watched(t, c, func(_ *os.Process, kind string, proceed func()) {
		if !last.IsZero() {
			sum[kind] += time.Since(last)
			steps[kind]++
		}
		last = time.Now()
		proceed()
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind := range sum {
		sum[kind] /= steps[kind]
	}
	return sum
}

// A run that is killed again and again, in every second step at the latest,
// while it extracts and while it trains, ends with the same bytes as one that
// nobody killed.
func TestKilledRun(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	o.Epochs, o.Patience, o.Hidden, o.Dropout, o.Head = 24, 24, 6, 0.3, "flat"
	calm := childRun{Options: o, Runs: s.runs, Name: "calm", Cache: filepath.Join(s.cache, "calm"), Threads: 1}
	pace := paces(t, calm)
	hunted := childRun{Options: o, Runs: s.runs, Name: "hunted", Cache: filepath.Join(s.cache, "hunted"), Threads: 1}
	r := rand.New(rand.NewPCG(1, 2))
	var within int
	kills := map[string]int{}
	for {
		lines, last := 0, ""
		err := watched(t, hunted, func(p *os.Process, kind string, proceed func()) {
			if lines, last = lines+1, kind; lines == 1 {
				proceed()
				time.Sleep(time.Duration(r.Int64N(int64(pace[kind]) + 1)))
				p.Kill()
			}
		})
		if err == nil {
			break
		}
		if lines == 0 || kills["images"]+kills["epoch"] > 60 {
			t.Fatalf("after %v kills the child failed by itself, or gets nowhere: %v", kills, err)
		}
		if kills[last]++; lines == 1 {
			within++
		}
	}
	extracting, training := kills["images"], kills["epoch"]
	t.Logf("killed %d times while extracting, %d while training; %d of all within a step", extracting, training, within)
	if extracting < 3 || training < 3 || extracting+training < 10 {
		t.Errorf("%d kills while extracting and %d while training are too few to prove anything", extracting, training)
	}
	a, b := filepath.Join(s.runs, "calm"), filepath.Join(s.runs, "hunted")
	sameFiles(t, a, b, modelFile, checkpointFile, splitFile, scoresFile, "curves.png", "curves.svg")
	cache := filepath.Base(oneFile(t, calm.Cache, ".features"))
	sameFiles(t, calm.Cache, hunted.Cache, cache)
	sameLog(t, a, b)
	leftovers(t, b)
	leftovers(t, hunted.Cache)
}

// sameLog compares the logs of two runs but for the seconds.
func sameLog(t *testing.T, a, b string) {
	t.Helper()
	read := func(dir string) []Epoch {
		log, err := (&Folder{Path: dir}).readLog()
		if err != nil {
			t.Fatal(err)
		}
		for i := range log {
			if log[i].Epoch != i+1 {
				t.Errorf("%s: line %d of the log is epoch %d", dir, i+1, log[i].Epoch)
			}
			log[i].Seconds = 0
		}
		if rows := strings.Count(string(bytesOf(t, filepath.Join(dir, logTableFile))), "\n"); rows != len(log)+1 {
			t.Errorf("%s: log.csv has %d lines for %d epochs", dir, rows, len(log))
		}
		return log
	}
	if x, y := read(a), read(b); !slices.Equal(x, y) {
		t.Errorf("logs differ:\n%v\n%v", x, y)
	}
}

// leftovers fails the test if a killed process left temporary files that a
// finished run should have replaced.
func leftovers(t *testing.T, dir string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".partial") || strings.HasSuffix(path, ".now") || atomicfile.Pattern.MatchString(filepath.Base(path)) {
			t.Errorf("%s was left", path)
		}
		return err
	})
}

// fuse is a context that is cancelled when it was asked often enough.
type fuse struct {
	context.Context
	left atomic.Int64
}

func (f *fuse) Err() error {
	if f.left.Add(-1) < 0 {
		return context.Canceled
	}
	return f.Context.Err()
}

// Ctrl-C at any step, between and within epochs and while evaluating, loses
// nothing: going on gives the bytes of an uninterrupted run.
func TestStoppedRun(t *testing.T) {
	s := newScene(t)
	o := s.options("calm")
	o.Hidden, o.Dropout, o.Warmup, o.Optimiser, o.ClassWeight = 6, 0.3, 1, "adamw", "auto"
	run1(t, o)
	o.Name = "stopped"
	ctx := &fuse{Context: t.Context()}
	ctx.left.Store(8)
	_, err := Run(ctx, o, Silent{})
	stops := 0
	for ; err != nil; stops++ {
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if stops > 100 {
			t.Fatal("no progress")
		}
		ctx.left.Store(8 + int64(stops))
		_, err = Resume(ctx, filepath.Join(s.runs, "stopped"), Place{CacheDir: s.cache, Threads: 1}, Silent{})
	}
	if stops < 3 {
		t.Errorf("stopped %d times only", stops)
	}
	sameFiles(t, filepath.Join(s.runs, "calm"), filepath.Join(s.runs, "stopped"), modelFile, checkpointFile, scoresFile)
	sameLog(t, filepath.Join(s.runs, "calm"), filepath.Join(s.runs, "stopped"))
}

// A kill between checkpoint and log leaves the log an epoch behind; going on
// writes the epoch that is missing, and a finished run stays as it is.
func TestLogBehindCheckpoint(t *testing.T) {
	s := newScene(t)
	run1(t, s.options("calm"))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, s.options("behind"), &stopper{cancel: cancel, epochs: 3})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	a, b := filepath.Join(s.runs, "calm"), filepath.Join(s.runs, "behind")
	log := strings.SplitAfter(string(bytesOf(t, filepath.Join(b, logFile))), "\n")
	if len(log) != 4 {
		t.Fatalf("%d lines after three epochs", len(log)-1)
	}
	if err := os.WriteFile(filepath.Join(b, logFile), []byte(log[0]+log[1]), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Resume(t.Context(), b, Place{CacheDir: s.cache, Threads: 1}, Silent{}); err != nil {
			t.Fatal(err)
		}
		sameLog(t, a, b)
		sameFiles(t, a, b, modelFile, checkpointFile)
	}
}
