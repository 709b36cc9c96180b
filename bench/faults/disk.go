package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// fullDisk runs on a disk that is too small, makes it larger when tl gives up,
// and goes on, until the run ends.
func (s *scene) fullDisk() (string, error) {
	place := s.place()
	refused, size := 0, 16
	for ; ; size += size/4 + 8 {
		if err := mountDisk(place, size); err != nil {
			return "", err
		}
		a := s.start(place, nil, s.goOn(place)...)
		about := fmt.Sprintf("a disk of %d KiB", size)
		s.problem(about, s.check(place, a.epochs))
		if a.err == nil {
			break
		}
		if refused++; refused > 100 {
			return "", fmt.Errorf("%s: %w\n%s", about, a.err, a.said())
		}
		s.problem(about, a.refused("disk is full", "no space left", "the disk has"))
	}
	s.problem("a disk that grew", s.equal(place))
	return fmt.Sprintf("%d disks of 16 to %d KiB too small, each said so; the run went on to its end, equal", refused, size), unmount(place)
}

// fullDiskExport exports to disks that are too small.
func (s *scene) fullDiskExport() (string, error) {
	run, err := s.stopped()
	if err != nil {
		return "", err
	}
	want, err := os.ReadFile(filepath.Join(folder(s.calm), "model.onnx"))
	if err != nil {
		return "", err
	}
	disk := s.place()
	out := filepath.Join(disk, "out.onnx")
	refused := 0
	for size := 16; ; size *= 2 {
		if err := mountDisk(disk, size); err != nil {
			return "", err
		}
		a := s.start(run, nil, s.exportTo(out)...)
		s.problem("export to a full disk", oldOrNew(out, nil, want, a.err == nil))
		if a.err == nil {
			break
		}
		left, err := os.ReadDir(disk)
		if err != nil || len(left) > 0 || size > 1<<20 {
			return "", fmt.Errorf("a disk of %d KiB: left %v (%v)\n%s", size, left, err, a.said())
		}
		refused++
		s.problem("export to a full disk", a.refused("no space left", "disk is full"))
	}
	return fmt.Sprintf("%d disks too small: nothing left there; then the file, equal", refused), unmount(disk)
}

// fullDiskPull downloads to disks that are too small and grow.
func (s *scene) fullDiskPull() (string, error) {
	p, content, stop, err := s.serve()
	if err != nil {
		return "", err
	}
	defer stop()
	refused := 0
	for size := 64; ; size *= 2 {
		if err := mountDisk(p.Dir, size); err != nil {
			return "", err
		}
		_, err := p.do(0)
		s.problem("download to a full disk", p.check(content, err == nil))
		if err == nil {
			break
		}
		if refused++; size > 1<<20 {
			return "", err
		}
	}
	return fmt.Sprintf("%d disks too small; the download went on to its end, equal", refused), unmount(p.Dir)
}

// readOnly takes the right to write from the folders of a run, one by one.
func (s *scene) readOnly() (string, error) {
	place := s.place()
	if err := mountDisk(place, 64<<10); err != nil {
		return "", err
	}
	a := s.begun(place)
	before, err := digest(place)
	if err != nil {
		return "", err
	}
	if err := protect(place); err != nil {
		return "", err
	}
	refused := []*attempt{
		s.start(place, nil, s.goOn(place)...),
		s.start(place, nil, append(s.finetune(), "--name", "other")...),
		s.start(s.place(), nil, append(s.finetune(), "--cache-dir", filepath.Join(place, "other"))...),
		s.start(s.calm, nil, s.exportTo(filepath.Join(place, "out.onnx"))...),
	}
	for i, r := range refused {
		s.problem(fmt.Sprintf("read-only folder, case %d", i+1), r.refused("read-only file system"))
	}
	if after, err := digest(place); err != nil || after != before {
		s.problem("read-only folder", fmt.Errorf("its content changed (%v)", err))
	}
	s.problem("read-only folder", s.check(place, a.epochs))
	if err := mountDisk(place, 64<<10); err != nil {
		return "", err
	}
	s.ends("a folder that may be written again", place)
	if err := s.readOnlyInput(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d refused: resume, new run, cache, export; nothing changed; then the run went on, equal. Images, network and a whole cache may be read-only: equal", len(refused)), unmount(place)
}

// readOnlyInput runs with images, network and a whole cache that nobody may
// write to.
func (s *scene) readOnlyInput() error {
	place, input := s.place(), []string{filepath.Join(s.dir, "cells"), s.net}
	if err := os.CopyFS(filepath.Join(place, cacheName), os.DirFS(filepath.Join(s.calm, cacheName))); err != nil {
		return err
	}
	for _, path := range append(input, filepath.Join(place, cacheName)) {
		if err := seal(path); err != nil {
			return err
		}
		defer unmount(path)
	}
	s.ends("read-only input", place)
	return nil
}

// digest is that of all files below dir with their names.
func digest(dir string) (string, error) {
	var all bytes.Buffer
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		fmt.Fprintf(&all, "%s %x\n", path, sha256.Sum256(b))
		return err
	})
	return all.String(), err
}

// maxMemory gives the network less memory than it needs.
func (s *scene) maxMemory() (string, error) {
	place := s.place()
	began := time.Now()
	a := s.start(place, nil, append(s.finetune(), "--max-memory", "1")...)
	s.problem("--max-memory 1", a.refused("memory"))
	if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
		s.problem("--max-memory 1", errors.Join(err, fmt.Errorf("%v was begun", left)))
	}
	return fmt.Sprintf("--max-memory 1 refused after %d ms, nothing was begun", time.Since(began).Milliseconds()), nil
}
