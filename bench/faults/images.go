package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/dataset"
)

// images removes an image, and then changes one, between the scan and the
// reading. The run says which; with the image put back it goes on.
func (s *scene) images() (string, error) {
	path, err := s.lastImage()
	if err != nil {
		return "", err
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	spoiled := append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1)
	for what, spoil := range map[string]func() error{
		"removed": func() error { return os.Remove(path) },
		"changed": func() error { return os.WriteFile(path, spoiled, 0o644) },
	} {
		place, about := s.place(), "an image that was "+what
		a := s.startAs(place, nil, func(line string) {
			if strings.HasPrefix(line, "run folder") {
				s.problem(about, spoil())
			}
		}, append([]string{s.tl}, s.finetune()...)...)
		s.problem(about, errors.Join(a.refused(filepath.Base(path)), s.check(place, a.epochs)))
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			return "", err
		}
		s.ends(about, place)
	}
	return "1 removed, 1 changed: each named; put back, the run went on, equal", nil
}

// lastImage is the image that extraction comes to last, by its digest.
func (s *scene) lastImage() (string, error) {
	cells := filepath.Join(s.dir, "cells")
	set, err := dataset.LoadManifest(filepath.Join(folder(s.calm), "split.csv"), cells)
	if err != nil {
		return "", err
	}
	if len(set.Items) == 0 {
		return "", fmt.Errorf("%s: no images", cells)
	}
	last := slices.MaxFunc(set.Items, func(a, b dataset.Item) int { return strings.Compare(a.SHA256, b.SHA256) })
	return filepath.Join(cells, filepath.FromSlash(last.Path)), nil
}
