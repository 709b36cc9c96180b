package augment

import (
	"fmt"
	"strconv"
	"strings"
)

// presets are the names that stand for a whole Spec.
var presets = []struct {
	name string
	spec Spec
}{
	{"none", Spec{}},
	{"cells", Cells()},
}

// knob is one field of a Spec as it is typed.
type knob struct {
	name string
	what string                 // in words
	top  float64                // the largest value
	at   func(s *Spec) *float64 // nil for a switch
	on   func(s *Spec) *bool    // nil for a number
}

// knobs are the fields in their order.
var knobs = []knob{
	{name: "flip", on: func(s *Spec) *bool { return &s.Flip }},
	{name: "rotate90", on: func(s *Spec) *bool { return &s.Rotate90 }},
	{"shift", "share of the side", .5, func(s *Spec) *float64 { return &s.Shift }, nil},
	{"scale", "share", 1, func(s *Spec) *float64 { return &s.Scale }, nil},
	{"brightness", "share", 1, func(s *Spec) *float64 { return &s.Brightness }, nil},
	{"contrast", "share", 1, func(s *Spec) *float64 { return &s.Contrast }, nil},
	{"saturation", "share", 1, func(s *Spec) *float64 { return &s.Saturation }, nil},
	{"stain", "optical density", .5, func(s *Spec) *float64 { return &s.Stain }, nil},
	{"blur", "pixels", 10, func(s *Spec) *float64 { return &s.Blur }, nil},
	{"cutout", "share of the side", .9, func(s *Spec) *float64 { return &s.Cutout }, nil},
}

// Parse reads a preset, a list such as "flip,rotate90,shift=0.05", or both:
// "cells,cutout=0.2" is the preset with one transform more. "" is none.
func Parse(text string) (Spec, error) {
	var s Spec
	if text == "" {
		return s, nil
	}
	for i, word := range strings.Split(text, ",") {
		if p := preset(word); p != nil && i == 0 {
			s = *p
		} else if err := s.set(word); err != nil {
			return Spec{}, fmt.Errorf("%s: %w (wants %s)", text, err, Words())
		}
	}
	return s, nil
}

// preset returns the Spec of that name, nil for none.
func preset(name string) *Spec {
	for _, p := range presets {
		if p.name == name {
			return &p.spec
		}
	}
	return nil
}

// set reads one word of a list.
func (s *Spec) set(word string) error {
	name, value, numbered := strings.Cut(word, "=")
	for _, k := range knobs {
		switch {
		case k.name != name:
			continue
		case k.on != nil && numbered:
			return fmt.Errorf("%s takes no value, found %q", name, value)
		case k.on != nil:
			*k.on(s) = true
			return nil
		}
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || !(x >= 0 && x <= k.top) { // also refuses NaN
			return fmt.Errorf("%s wants a number from 0 to %g, found %q", name, k.top, value)
		}
		*k.at(s) = x
		return nil
	}
	if preset(word) != nil {
		return fmt.Errorf("%q is not the first word", word)
	}
	return fmt.Errorf("there is no %q", word)
}

// String is the list that Parse reads as s, "none" for no transform.
func (s Spec) String() string {
	var words []string
	for _, k := range knobs {
		switch {
		case k.on != nil && *k.on(&s):
			words = append(words, k.name)
		case k.at != nil && *k.at(&s) != 0:
			words = append(words, k.name+"="+strconv.FormatFloat(*k.at(&s), 'g', -1, 64))
		}
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, ",")
}

// Words says what Parse reads.
func Words() string {
	var words []string
	for _, p := range presets {
		words = append(words, p.name)
	}
	for _, k := range knobs {
		if k.on != nil {
			words = append(words, k.name)
			continue
		}
		words = append(words, fmt.Sprintf("%s=0…%g (%s)", k.name, k.top, k.what))
	}
	return "one or a list of " + strings.Join(words, ", ")
}
