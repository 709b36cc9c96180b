package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// stopped is a copy of the undisturbed run without its model, so that tl export
// makes it anew.
func (s *scene) stopped() (string, error) {
	place := s.place()
	if err := os.CopyFS(place, os.DirFS(s.calm)); err != nil {
		return "", err
	}
	return place, os.Remove(filepath.Join(folder(place), "model.onnx"))
}

// killExports kills tl export, half of the times as soon as it writes. Its file
// is the old one, or none where there was none, or the new one.
func (s *scene) killExports(n int) (string, error) {
	place, err := s.stopped()
	if err != nil {
		return "", err
	}
	want, err := os.ReadFile(filepath.Join(folder(s.calm), "model.onnx"))
	if err != nil {
		return "", err
	}
	out := filepath.Join(place, "out.onnx")
	began := time.Now()
	if a := s.start(place, nil, s.exportTo(out)...); a.err != nil {
		return "", fmt.Errorf("tl export: %w\n%s", a.err, a.said())
	}
	took, kills, ended, whileWriting := time.Since(began), 0, 0, 0
	for kills < n {
		before, err := s.oldFile(out, want)
		if err != nil {
			return "", err
		}
		killed, wrote, err := s.killExport(place, out, took)
		if err != nil {
			return "", err
		}
		if killed {
			kills++
		} else {
			ended++
		}
		if killed && wrote {
			whileWriting++
		}
		s.problem(fmt.Sprintf("export, kill %d", kills), oldOrNew(out, before, want, !killed))
	}
	if a := s.start(place, nil, s.exportTo(out)...); a.err != nil {
		return "", fmt.Errorf("tl export: %w\n%s", a.err, a.said())
	}
	s.problem("export after the kills", oldOrNew(out, nil, want, true))
	if left := half(place); len(left) > 0 {
		s.problem("export after the kills", fmt.Errorf("%v are left of killed ones", left))
	}
	return fmt.Sprintf("%d kills, %d of them while the file was written; %d exports reached their end, equal", kills, whileWriting, ended+1), nil
}

func (s *scene) exportTo(out string) []string {
	return []string{"export", "--run", runFolder, "--cache-dir", cacheName, out}
}

// oldFile puts an older model, or none, where the export will go: the new one
// with a field more, since tl replaces nothing but its own exports.
func (s *scene) oldFile(out string, want []byte) ([]byte, error) {
	if s.rand.IntN(2) == 0 {
		return nil, os.RemoveAll(out)
	}
	old := append(bytes.Clone(want), 14<<3|2, 8, 1<<3|2, 3, 'o', 'l', 'd', 2<<3|2, 1, '1') // ModelProto.metadata_props
	return old, os.WriteFile(out, old, 0o644)
}

// killExport kills one export: at a random moment, or soon after it began to
// write. What it leaves half-written, the next one clears away.
func (s *scene) killExport(place, out string, took time.Duration) (killed, wrote bool, err error) {
	before := half(place)
	writing := func() bool {
		return slices.ContainsFunc(half(place), func(name string) bool { return !slices.Contains(before, name) })
	}
	cmd := exec.Command(s.tl, s.exportTo(out)...)
	cmd.Dir = place
	if err := cmd.Start(); err != nil {
		return false, false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	left := time.NewTimer(s.within(took))
	if s.rand.IntN(2) == 0 {
		left.Reset(10 * took)
		go func() {
			for end := time.Now().Add(10 * took); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
				if writing() {
					left.Reset(0)
					return
				}
			}
		}()
	}
	select {
	case <-left.C:
		_ = cmd.Process.Kill()
		err = <-ended
	case err = <-ended:
	}
	if killed = cmd.ProcessState.String() == "signal: killed"; killed {
		err = nil
	}
	return killed, writing(), err
}

// half lists the temporary files in dir.
func half(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, ".*.tl-tmp-*"))
	return found
}

// oldOrNew wants at path the old bytes, nil for no file, or the new ones; the
// new ones only, where the work ended.
func oldOrNew(path string, before, want []byte, ended bool) error {
	got, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	switch {
	case err != nil:
		return err
	case bytes.Equal(got, want):
		return opens(path)
	case ended || !bytes.Equal(got, before):
		return fmt.Errorf("%s: %d bytes are neither the old %d nor the new %d", path, len(got), len(before), len(want))
	}
	return nil
}
