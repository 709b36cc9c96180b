package backbones

import (
	"fmt"
	"slices"
	"strings"
)

// Card is what is known about a backbone.
type Card struct {
	Name    string // "resnet50", or the file's name without its extension
	File    string // path
	Digest  string // SHA-256 of the file, hex
	Cut     string // the value in the file that features are taken from
	CutName string // its name among Cuts, or the value again
	Cuts    []Cut  // the places that have a name, the one before the classifier last

	Size          int    // side of the square input in pixels
	Layout        string // of the file's input: "NCHW" or "NHWC"
	Preprocess    Preprocess
	PreprocessWhy string // how the preprocessing is known
	Pool          string // how features are pooled, as Options.Pool says
	Feature       []int  // (C,H,W) of one picture's features, (C) or (2C) when pooled

	Unfrozen *Unfrozen `json:",omitempty"` // what learns before the cut; features are then those before it

	Licence   string
	Source    string
	Untrained string // why the weights look untrained, or ""
	Notes     []string
}

// Cut is a named place to take features from.
type Cut struct {
	Name  string
	Value string // in the file
	Shape []int  // (C,H,W) at the card's size; nil where that size is too small
}

// cutNames lists the named cuts that the size is enough for, with their shapes.
func (c Card) cutNames() string {
	var list []string
	for _, cut := range c.Cuts {
		if cut.Shape != nil {
			list = append(list, fmt.Sprintf("%s %v", cut.Name, cut.Shape))
		}
	}
	return strings.Join(list, ", ")
}

// usual is the cut that is taken when none is asked for: the third of four
// stages, else the last, before the classifier. The last stage of a network
// that was trained on photographs serves cells worse than the one before:
// measured on ResNet50 and ResNet18, docs/accuracy.md.
func (c Card) usual() Cut {
	if len(c.Cuts) == 4 && c.Cuts[2].Name == "stage3" {
		return c.Cuts[2]
	}
	return c.Cuts[len(c.Cuts)-1]
}

// find returns the value that a cut's name stands for; "" is the usual one, and
// a name that is none is a value of the file.
func (c Card) find(name string) (value, cutName string) {
	if name == "" && len(c.Cuts) > 0 {
		return c.usual().Value, c.usual().Name
	}
	for _, cut := range c.Cuts {
		if cut.Name == name || cut.Value == name {
			return cut.Value, cut.Name
		}
	}
	return name, name
}

// clone returns a copy that shares nothing with c.
func (c Card) clone() Card {
	c.Cuts = slices.Clone(c.Cuts)
	for i := range c.Cuts {
		c.Cuts[i].Shape = slices.Clone(c.Cuts[i].Shape)
	}
	c.Feature, c.Notes = slices.Clone(c.Feature), slices.Clone(c.Notes)
	if c.Unfrozen != nil {
		u := *c.Unfrozen
		u.Shape = slices.Clone(u.Shape)
		c.Unfrozen = &u
	}
	return c
}
