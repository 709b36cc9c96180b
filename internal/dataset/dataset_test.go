package dataset

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

var scanReal = sync.OnceValues(func() (*Dataset, error) {
	d, _, err := Scan(context.Background(), realPath, ScanOptions{})
	return d, err
})

var realPath string // of the 8,000 real cells

// realCells scans the real cells once and returns a copy.
func realCells(t testing.TB) *Dataset {
	t.Helper()
	realPath = testkit.Data(t, "cells")
	d, err := scanReal()
	if err != nil {
		t.Fatal(err)
	}
	e := *d
	e.Items = slices.Clone(d.Items)
	return &e
}

func TestRealCellsSplitByPatient(t *testing.T) {
	d := realCells(t)
	s := d.Stats()
	if s.Pictures != 8000 || s.Classes[0].Pictures != 4000 || len(s.Groups) != 125 || len(s.Duplicates) != 0 {
		t.Fatalf("%d pictures, classes %+v, %d patients, %d duplicates", s.Pictures, s.Classes, len(s.Groups), len(s.Duplicates))
	}
	if d.Classes[d.Positive] != "Parasitized" {
		t.Errorf("positive is %s (%s)", d.Classes[d.Positive], d.PositiveWhy)
	}
	for seed := range uint64(5) {
		warnings, err := d.Assign(SplitOptions{Seed: seed})
		if err != nil || len(warnings) > 0 {
			t.Fatalf("seed %d: %v %v", seed, warnings, err)
		}
		if err := d.CheckLeak(); err != nil {
			t.Error(err)
		}
		for i, want := range []float64{.7, .15, .15} {
			sp := d.Stats().Splits[i]
			for c, n := range sp.Classes {
				if share := float64(n) / 4000; share < want-.01 || share > want+.01 {
					t.Errorf("seed %d: %s has %.3f of class %s, wants %.2f", seed, sp.Split, share, d.Classes[c], want)
				}
			}
			if share := float64(sp.Groups) / 125; share < want-.05 || share > want+.05 {
				t.Errorf("seed %d: %s has %d of 125 patients", seed, sp.Split, sp.Groups)
			}
			t.Log(seed, sp)
		}
	}
}

func TestSplitDoesNotDependOnOrder(t *testing.T) {
	d := realCells(t)
	for _, rule := range []string{"group", "random"} {
		if _, err := d.Assign(SplitOptions{Rule: rule, Seed: 3}); err != nil {
			t.Fatal(err)
		}
		want := d.Digest()
		e := *d
		e.Items = slices.Clone(d.Items)
		slices.Reverse(e.Items)
		for i := range e.Items {
			e.Items[i].Path, e.Items[i].Split = "elsewhere/"+e.Items[i].Path, Unassigned
		}
		if _, err := e.Assign(SplitOptions{Rule: rule, Seed: 3}); err != nil {
			t.Fatal(err)
		}
		if got := e.Digest(); got != want {
			t.Errorf("%s: another order of files gives another split", rule)
		}
	}
}
