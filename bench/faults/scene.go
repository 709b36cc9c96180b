package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// Names within a place, the working folder of one tl.
const (
	runFolder = "runs/run"
	cacheName = "cache"
)

// epochs is how long each run trains.
const epochs = 16

// scene is what all faults share: the program, its input, and what an
// undisturbed run made of it.
type scene struct {
	dir      string // temporary, holds everything
	tl       string // the program
	net      string // a seeded network, 8 MB
	calm     string // the place of the undisturbed run
	stages   [stageCount]time.Duration
	lines    map[int]string // epoch → its line on the terminal, without seconds
	places   int
	rand     *rand.Rand
	problems []string
}

// newScene builds tl, makes cells and a network, and runs once undisturbed.
func newScene(r *rand.Rand) (*scene, error) {
	dir, err := os.MkdirTemp("", "tl-faults-*")
	if err != nil {
		return nil, err
	}
	s := &scene{dir: dir, tl: filepath.Join(dir, "tl.exe"), net: filepath.Join(dir, "net.onnx"), rand: r}
	if err := errors.Join(s.build(), s.inputs()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.undisturbed(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *scene) close() error { return os.RemoveAll(s.dir) }

func (s *scene) build() error {
	if out, err := exec.Command("go", "build", "-o", s.tl, "github.com/tlkit/tl/cmd/tl").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func (s *scene) inputs() error {
	m, err := weights.Seeded("resnet50", weights.SeededOptions{Width: 0.25, Size: 64, Seed: 1})
	if err != nil {
		return err
	}
	return errors.Join(onnx.WriteFile(s.net, m),
		dataset.Make(filepath.Join(s.dir, "cells"), dataset.MakeOptions{Count: 200, Patients: 24, Seed: 1}))
}

// undisturbed makes what all else is compared with.
func (s *scene) undisturbed() error {
	s.calm = s.place()
	a := s.start(s.calm, nil, s.finetune()...)
	if a.err != nil {
		return fmt.Errorf("the undisturbed run: %w\n%s", a.err, a.said())
	}
	s.stages, s.lines = a.took, a.epochs
	if len(s.lines) != epochs {
		return fmt.Errorf("the undisturbed run reported %d epochs, wants %d", len(s.lines), epochs)
	}
	return nil
}

// place makes a new working folder beside the input.
func (s *scene) place() string {
	s.places++
	dir := filepath.Join(s.dir, fmt.Sprintf("place-%d", s.places))
	if err := os.Mkdir(dir, 0o755); err != nil {
		panic(err) // in a folder of our own
	}
	return dir
}

// finetune are the words that begin the run in a place. The number of threads
// is random: it changes no byte.
func (s *scene) finetune() []string {
	return strings.Fields("finetune --backbone " + s.net + " --preprocess torch --size 64 --data " + filepath.Join(s.dir, "cells") +
		" --hidden 8 --dropout 0.2 --epochs " + fmt.Sprint(epochs) + " --patience " + fmt.Sprint(epochs) + " --runs runs --name run --cache-dir " + cacheName + s.threads())
}

// goOn are the words that go on with the run in a place, or begin it where it
// was killed too early to be one.
func (s *scene) goOn(place string) []string {
	if _, err := os.Stat(filepath.Join(place, runFolder, "settings.json")); err != nil {
		return s.finetune()
	}
	return strings.Fields("finetune --resume " + runFolder + " --cache-dir " + cacheName + s.threads())
}

func (s *scene) threads() string { return fmt.Sprintf(" --threads %d", 1+s.rand.IntN(2)) }

// problem keeps what was lost; about says after which fault.
func (s *scene) problem(about string, err error) {
	if err != nil {
		s.problems = append(s.problems, about+": "+err.Error())
	}
}
