package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// positiveWords are names of the class that is looked for. The first two are
// those of the NIH malaria cells.
var positiveWords = []string{
	"parasitized", "parasitised", "infected", "positive", "pos", "tumor", "tumour", "malignant", "cancer",
	"disease", "diseased", "abnormal", "sick", "malaria", "pneumonia", "yes", "true",
}

// negativeWords confirm that the other class is the absence of it.
var negativeWords = []string{
	"uninfected", "negative", "neg", "normal", "benign", "healthy", "clean", "no", "false", "none",
	"no_tumor", "no_tumour", "notumor",
}

// findPositive sets Positive and PositiveWhy: as asked, else by name, else the
// second class; -1 with more than two classes.
func (d *Dataset) findPositive(asked string) error {
	if len(d.Classes) != 2 {
		d.Positive, d.PositiveWhy = -1, fmt.Sprintf("%d classes: a probability for each, none is the positive one", len(d.Classes))
		if asked != "" {
			return fmt.Errorf("positive class %q makes sense with two classes only, found %d", asked, len(d.Classes))
		}
		return nil
	}
	if asked != "" {
		return d.askedPositive(asked)
	}
	if c, why := d.namedPositive(); c >= 0 {
		d.Positive, d.PositiveWhy = c, why
		return nil
	}
	d.Positive = 1
	d.PositiveWhy = fmt.Sprintf("no name tells, so the second in order: %s (--positive %s turns it round)", d.Classes[1], d.Classes[0])
	return nil
}

func (d *Dataset) askedPositive(asked string) error {
	c := slices.Index(d.Classes, asked)
	if c < 0 {
		c = slices.IndexFunc(d.Classes, func(s string) bool { return strings.EqualFold(s, asked) })
	}
	if c < 0 {
		return fmt.Errorf("positive class %q is none of %s", asked, strings.Join(d.Classes, ", "))
	}
	d.Positive, d.PositiveWhy = c, "as asked"
	return nil
}

// namedPositive goes by the words above; -1 unless exactly one class fits.
func (d *Dataset) namedPositive() (int, string) {
	is := func(words []string, c int) bool { return slices.Contains(words, strings.ToLower(d.Classes[c])) }
	for c := range 2 {
		other := 1 - c
		if is(positiveWords, c) && !is(positiveWords, other) {
			if strings.EqualFold(d.Classes[c], "parasitized") {
				return c, "the infected cells of the NIH malaria set"
			}
			return c, fmt.Sprintf("recognised by its name %q", d.Classes[c])
		}
		if is(negativeWords, other) && !is(negativeWords, c) {
			return c, fmt.Sprintf("the other class is named %q", d.Classes[other])
		}
	}
	return -1, ""
}
