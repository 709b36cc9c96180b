package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// check looks at a place whose tl was disturbed: every file that has its final
// name is whole, and what was reported as finished is there.
func (s *scene) check(place string, reported map[int]string) error {
	errs := []error{s.checkEpochs(place, reported), checkCaches(place)}
	files, err := os.ReadDir(folder(place))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range files {
		if name := f.Name(); !temporary(name) {
			errs = append(errs, s.checkFile(place, name))
		}
	}
	return errors.Join(errs...)
}

// temporary says whether a file of that name may be half-written.
func temporary(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".partial") || strings.HasSuffix(name, ".now") || strings.HasSuffix(name, ".lock")
}

// checkFile holds a file of a run folder to its kind and, where it changes no
// more once it is written, to the undisturbed run's.
func (s *scene) checkFile(place, name string) error {
	path := filepath.Join(folder(place), name)
	switch name {
	case "checkpoint.tl", "log.jsonl":
		return nil // checkEpochs reads them
	case "log.csv":
		return checkTable(path)
	case "split.csv":
		if _, err := dataset.LoadManifest(path, s.dir); err != nil {
			return err
		}
	case "model.onnx":
		if err := opens(path); err != nil {
			return err
		}
	}
	return s.same(place, name)
}

// opens reads an exported model as every user of it does.
func opens(path string) error {
	m, err := onnx.Read(path)
	if err != nil {
		return err
	}
	if err := m.Close(); err != nil {
		return err
	}
	x, err := finetune.OpenModel(path, 1)
	if err != nil {
		return err
	}
	return x.Close()
}

// checkTable wants a header and whole lines of eight fields.
func checkTable(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		if strings.Count(line, ",") != 7 || !strings.HasSuffix(line, "\n") {
			return fmt.Errorf("%s: line %q is cut off", path, line)
		}
	}
	return nil
}

func checkCaches(place string) error {
	found, err := filepath.Glob(filepath.Join(place, cacheName, "*.features"))
	for _, path := range found {
		err = errors.Join(err, finetune.VerifyCache(path))
	}
	return err
}

// checkEpochs wants every epoch that was reported as finished, and none but the
// undisturbed run's, in the checkpoint and the log.
func (s *scene) checkEpochs(place string, reported map[int]string) error {
	last := 0
	for n, line := range reported {
		if last = max(last, n); line != s.lines[n] {
			return fmt.Errorf("reported %q, undisturbed it is %q", line, s.lines[n])
		}
	}
	saved, err := history(place)
	if err != nil {
		return err
	}
	logged, err := readLog(place)
	if err != nil {
		return err
	}
	if len(saved) < last || len(logged) < last {
		return fmt.Errorf("%s: epoch %d was reported as finished; the checkpoint holds %d, the log %d", place, last, len(saved), len(logged))
	}
	whole, err := readLog(s.calm)
	if err != nil {
		return err
	}
	return errors.Join(prefix(filepath.Join(folder(place), "checkpoint.tl"), saved, whole), prefix(filepath.Join(folder(place), "log.jsonl"), logged, whole))
}

// prefix wants the first epochs of the whole history, but for the seconds.
func prefix(name string, some, whole []finetune.Epoch) error {
	for i, e := range some {
		if i >= len(whole) {
			return fmt.Errorf("%s: %d epochs, wants at most %d", name, len(some), len(whole))
		}
		want := whole[i]
		e.Seconds, want.Seconds = 0, 0
		if e != want {
			return fmt.Errorf("%s: epoch %d is %+v, undisturbed %+v", name, i+1, e, want)
		}
	}
	return nil
}

// history returns the finished epochs of a place's checkpoint; none without one.
func history(place string) ([]finetune.Epoch, error) {
	c, err := weights.LoadCheckpoint(filepath.Join(folder(place), "checkpoint.tl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var state struct{ History []finetune.Epoch }
	return state.History, json.Unmarshal(c.Meta, &state)
}

// readLog returns the epochs of a place's log; none without one.
func readLog(place string) ([]finetune.Epoch, error) {
	path := filepath.Join(folder(place), "log.jsonl")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []finetune.Epoch
	for line := range bytes.Lines(b) {
		var e finetune.Epoch
		if err := json.Unmarshal(line, &e); err != nil || !bytes.HasSuffix(line, []byte("\n")) {
			return nil, fmt.Errorf("%s: line %q: %v", path, line, err)
		}
		out = append(out, e)
	}
	return out, err
}

// costs are what two equal runs may differ in: seconds and memory.
var costs = regexp.MustCompile(`"(seconds|extract_seconds|train_seconds|peak_memory_bytes)": [0-9.e+-]+|[0-9.]+ (s|MB|GB)\b|[0-9]+ m [0-9]+ s`)

// same compares a file of a run folder with the undisturbed run's. Of the
// report and its figures, costs are left out.
func (s *scene) same(place, name string) error {
	got, err := os.ReadFile(filepath.Join(folder(place), name))
	if err != nil {
		return err
	}
	want, err := os.ReadFile(filepath.Join(folder(s.calm), name))
	if err != nil {
		return err
	}
	if name == "result.json" || name == "report.md" {
		got, want = costs.ReplaceAll(got, nil), costs.ReplaceAll(want, nil)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: %d bytes are not the undisturbed run's %d", filepath.Join(place, name), len(got), len(want))
	}
	return nil
}

// equal compares a finished place with the undisturbed run: the same files with
// the same bytes, in run folder and cache, and nothing half-written left.
func (s *scene) equal(place string) error {
	var errs []error
	for _, dir := range []string{runFolder, cacheName} {
		a, err := names(filepath.Join(s.calm, dir))
		b, err2 := names(filepath.Join(place, dir))
		if errs = append(errs, err, err2); a != b {
			errs = append(errs, fmt.Errorf("%s holds %s, undisturbed %s", filepath.Join(place, dir), b, a))
		}
	}
	files, err := os.ReadDir(folder(s.calm))
	errs = append(errs, err)
	for _, f := range files {
		if name := f.Name(); name != "log.jsonl" && name != "log.csv" { // seconds; checkEpochs compares the rest
			errs = append(errs, s.same(place, name))
		}
	}
	saved, err := history(place)
	if errs = append(errs, err); len(saved) != epochs {
		errs = append(errs, fmt.Errorf("%s: %d epochs, wants %d", place, len(saved), epochs))
	}
	return errors.Join(errs...)
}

// names lists a folder.
func names(dir string) (string, error) {
	files, err := os.ReadDir(dir)
	var out []string
	for _, f := range files {
		out = append(out, f.Name())
	}
	return strings.Join(out, " "), err
}
