package augment

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Spec{
		"": {}, "none": {}, "cells": Cells(),
		"flip,rotate90,shift=0.05,scale=0.1,brightness=0.1,contrast=0.1,saturation=0.1,stain=0.05,blur=1.0,cutout=0.2": {
			true, true, .05, .1, .1, .1, .1, .05, 1, .2},
		"cutout=.5,flip":       {Flip: true, Cutout: .5},
		"cells,blur=2,stain=0": {true, true, .05, .1, .1, .1, .1, 0, 2, 0},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"flp": `no "flp"`, "flip,": `no ""`, "shift": "shift wants a number from 0 to 0.5", "shift=0.6": `found "0.6"`, "blur=-1": `found "-1"`,
		"stain=NaN": "stain wants", "flip=1": "flip takes no value", "flip,cells": `"cells" is not the first word`, "scale=x": `found "x"`,
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "cells, flip, rotate90, shift=0…0.5") {
			t.Errorf("%q: %v; want %q and a list of what there is", text, err, why)
		}
	}
}

// What String prints, Parse reads as the same.
func TestStringIsCanonical(t *testing.T) {
	if s := (Spec{}).String(); s != "none" {
		t.Errorf("no transform is %q", s)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		again, err := Parse(s.String())
		if err != nil || again != s {
			t.Fatalf("%+v prints %q, which is %+v, %v", s, s, again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("cells,blur=1")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(s.String()); err != nil || again != s {
			t.Errorf("%q is %+v, printed %q, read %+v, %v", text, s, s, again, err)
		}
	})
}
