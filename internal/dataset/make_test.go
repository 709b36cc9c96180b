package dataset

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// made generates cells and scans them.
func made(t testing.TB, o MakeOptions) *Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cells")
	if err := Make(dir, o); err != nil {
		t.Fatal(err)
	}
	d, r := scan(t, dir, ScanOptions{})
	if len(r.Other)+len(r.Warnings) > 0 || !r.Generated {
		t.Errorf("report %+v", r)
	}
	return d
}

func TestMakeLooksLikeTheRealSet(t *testing.T) {
	d := made(t, MakeOptions{Count: 200, Patients: 16, Seed: 4, Infected: .4})
	s := d.Stats()
	if s.Classes[0].Pictures != 80 || s.Classes[1].Pictures != 120 || len(s.Groups) != 16 || len(s.Duplicates) > 0 {
		t.Errorf("%+v", s)
	}
	if s.Width.Min < 50 || s.Width.Max > 200 || s.Height.Min < 50 || s.Height.Max > 200 || s.Width.Min == s.Width.Max {
		t.Errorf("sizes %+v × %+v", s.Width, s.Height)
	}
	if d.GroupRule != nihRule || d.Classes[d.Positive] != "Parasitized" || s.MixedGroup < 8 || s.MixedGroup == 16 {
		t.Errorf("%q, %d patients in both classes", d.GroupRule, s.MixedGroup)
	}
	perPatient := make([]int, 0, 16)
	for _, g := range s.Groups {
		perPatient = append(perPatient, g.Classes[0])
	}
	if most := slices.Max(perPatient); most < 80/13*2 {
		t.Errorf("parasitized cells per patient %v are not skewed", perPatient)
	}
	im, err := d.Load(0)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Max(im.Pix[:3]) > 0 {
		t.Errorf("corner %v is not black", im.Pix[:3])
	}
	for _, rule := range []string{"group", "random"} {
		if _, err := d.Assign(SplitOptions{Rule: rule}); err != nil {
			t.Fatal(err)
		}
		if err := d.CheckLeak(); err != nil {
			t.Error(err)
		}
	}
}

func TestMakeIsDeterministic(t *testing.T) {
	a, b, c := made(t, MakeOptions{Count: 30, Seed: 1}), made(t, MakeOptions{Count: 30, Seed: 1}), made(t, MakeOptions{Count: 30, Seed: 2})
	if a.Digest() != b.Digest() || !slices.Equal(a.Items, b.Items) {
		t.Error("the same seed makes other cells")
	}
	if a.Digest() == c.Digest() {
		t.Error("another seed makes the same cells")
	}
}

func TestMakeRefuses(t *testing.T) {
	dir := folder(t, map[string]string{"x.txt": "mine"})
	if err := Make(dir, MakeOptions{}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder in use: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "x.txt")); err != nil || string(b) != "mine" {
		t.Errorf("the folder's file: %q %v", b, err)
	}
	for _, o := range []MakeOptions{{Count: 1}, {Count: -5}, {Patients: -1}, {Infected: 1}, {Infected: -.5}} {
		if err := Make(filepath.Join(t.TempDir(), "x"), o); err == nil {
			t.Errorf("%+v passes", o)
		}
	}
}

func TestGrid(t *testing.T) {
	d := made(t, MakeOptions{Count: 40, Seed: 3})
	var b bytes.Buffer
	if err := Grid(&b, d, GridOptions{PerClass: 10, Columns: 8, Cell: 64}); err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if w, h := im.Bounds().Dx(), im.Bounds().Dy(); w != 4+8*68 || h != 4+2*(24+2*68) {
		t.Errorf("%d×%d", w, h)
	}
	colours := map[[3]uint32]bool{}
	for x := range im.Bounds().Dx() {
		r, g, b, _ := im.At(x, 60).RGBA() // through the first row of cells
		colours[[3]uint32{r, g, b}] = true
	}
	if len(colours) < 100 {
		t.Errorf("%d colours in a row of cells", len(colours))
	}
}
