package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/dataset"
)

// small is a contest on generated cells whose torch is TestMain's.
func small(t *testing.T) contest {
	t.Helper()
	cells := filepath.Join(t.TempDir(), "cells")
	if err := dataset.Make(cells, dataset.MakeOptions{Count: 48, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return contest{dir: t.TempDir(), flags: flags{rounds: 2, threads: 1, images: 40, data: cells, python: self, scripts: "."}}
}

// smallRow is the baseline CNN on small images: a batch and a part of one.
var smallRow = row{name: "small", net: "baseline", size: 32}

// Contenders whose first losses agree take their turns.
func TestMeasure(t *testing.T) {
	c := small(t)
	results, err := c.measure(t.Context(), smallRow)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range results {
		names = append(names, r.contender.String())
		if len(r.Rates) != 2 || !(r.Rate() > 0) || r.Peak == 0 || r.images != 40 || r.difference != 0 || r.name != "small" {
			t.Errorf("%v: %+v", r.contender, r)
		}
	}
	if got := strings.Join(names, ", "); got != "tl, torch planes, torch channels_last" {
		t.Errorf("contenders %s", got)
	}
	if results[1].Version != "other 1" {
		t.Errorf("torch is %q", results[1].Version)
	}
	if left, err := os.ReadDir(c.dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

// A contest whose contenders do other work is refused before the first turn.
func TestMeasureRefuses(t *testing.T) {
	c := small(t)
	t.Setenv(factor, "1.001")
	results, err := c.measure(t.Context(), smallRow)
	if err == nil || results != nil || !strings.Contains(err.Error(), "torch planes: first losses [") || !strings.Contains(err.Error(), "they differ by 0.001, want at most 0.0001") {
		t.Errorf("last loss × 1.001: %v, error %v", results, err)
	}
	c.python = filepath.Join(c.dir, "python")
	if _, err := c.measure(t.Context(), smallRow); err == nil || !strings.Contains(err.Error(), "type internal/testkit/oracle/setup") {
		t.Errorf("no Python: %v", err)
	}
	c.flags.images = 49
	if _, err := c.measure(t.Context(), smallRow); err == nil || !strings.Contains(err.Error(), "49 images are wanted, there are 48") {
		t.Errorf("too few images: %v", err)
	}
}

func TestDifference(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		x, y []float32
		want float64
	}{
		{[]float32{3, 4}, []float32{3, 5}, 0.2},
		{[]float32{6, 4}, []float32{3, 5}, 1},
		{[]float32{1}, []float32{1, 2}, math.Inf(1)},
		{[]float32{1, nan}, []float32{1, 2}, math.Inf(1)},
		{[]float32{1, 2}, []float32{1, nan}, math.Inf(1)},
	} {
		if d := difference(c.x, c.y); math.Abs(d-c.want) > 1e-7 && d != c.want {
			t.Errorf("%v from %v: difference %g, want %g", c.x, c.y, d, c.want)
		}
	}
}

// Images come from all along the list, one of each half by turns, each once.
func TestSpread(t *testing.T) {
	for _, count := range []int{1, 7, 32, 39, 40} {
		images, err := spread(40, count)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for i, k := range images {
			if seen[k] || k < 0 || k >= 40 || k/20 != i%2 {
				t.Fatalf("%d of 40: image %d is the %dth", count, k, i)
			}
			seen[k] = true
		}
	}
}
