package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/tlkit/tl/internal/metrics"
)

// NoDiagnosis is the sentence that every report carries.
const NoDiagnosis = "This is no diagnosis and no medical device: the figures describe how the model called these images, " +
	"and nothing else. Another microscope, stain or hospital can change them."

// SmearPrevalences are the true parasitaemias of a report's smear table:
// healthy, WHO's low density (200 parasites/µL), 0.1 %, 1 %, and the share of
// infected cells in the whole smears that NIH's cells are cut from.
var SmearPrevalences = []float64{0, metrics.DetectionLimit, 0.001, 0.01, 0.04}

// IsSmear reports whether a positive class of that name looks like infected
// blood cells, so that the arithmetic of a smear applies.
func IsSmear(positive string) bool {
	p := strings.ToLower(positive)
	return !strings.HasPrefix(p, "un") && (strings.Contains(p, "parasit") || strings.Contains(p, "infected") || strings.Contains(p, "malaria"))
}

// SmearWords says what a sensitivity and specificity mean for a healthy
// person's smear of that many cells (0: metrics.SmearCells).
func SmearWords(cells int, r *metrics.Result) string {
	if !r.Specificity.Known() {
		return "The specificity is not known, so nothing can be said about a smear."
	}
	healthy := metrics.Smear(cells, 0, 1, r.Specificity.Value)
	span := ""
	if s := r.Specificity; s.HasInterval() {
		n := float64(healthy.Cells)
		span = fmt.Sprintf(" (%s to %s by the interval)", round(n*(1-s.High)), round(n*(1-s.Low)))
	}
	least := metrics.DetectionLimit * float64(healthy.Cells)
	words := fmt.Sprintf("At a specificity of %s, the smear of a healthy person shows %s falsely infected cells%s among %s: "+
		"an apparent parasitaemia of %s. Thin films matter clinically from about 200 parasites/µL, that is %s of red cells or %s among %s",
		Interval(r.Specificity), round(healthy.FalseCells), span, Count(healthy.Cells),
		Percent(healthy.Clean, 2), share(metrics.DetectionLimit), Number(least, 1), Count(healthy.Cells))
	if healthy.FalseCells > least {
		return words + ": the false cells drown them. A count from this classifier alone cannot tell a healthy person from one with a low infection."
	}
	return words + "."
}

// round is a count of cells that need not be whole.
func round(cells float64) string { return Count(int(math.Round(cells))) }

// ThresholdWords says what the threshold is and how it was chosen.
func ThresholdWords(c metrics.Choice) string {
	rule, err := metrics.ParseRule(c.Rule)
	if err != nil || !rule.Chosen() {
		return fmt.Sprintf("The threshold is %s, a number that was given and not chosen on data.", Number(c.Threshold, 3))
	}
	words := fmt.Sprintf("The threshold is %s, chosen on the %s of the validation split by the rule %s; there it gives sensitivity %s and specificity %s.",
		Number(c.Threshold, 4), plural(c.Images, "image"), code(c.Rule), Number(c.Confusion.Sensitivity(), 3), Number(c.Confusion.Specificity(), 3))
	if c.Note != "" {
		words += " Beware: " + c.Note + "."
	}
	return words
}

// measuredWords says on what the figures were measured and how the intervals
// were drawn.
func measuredWords(d Data, e Evaluation) string {
	_, level, drawnOver, draws, _ := e.metrics()
	s := d.split(e.Split)
	words := fmt.Sprintf("Measured on the %s of the %s split", plural(s.Images, "image"), code(e.Split))
	if s.Groups > 0 {
		words += fmt.Sprintf(", of %s", plural(s.Groups, d.word()))
		switch d.SplitRule {
		case "group":
			words += ", none of them seen in training"
		case "random", "keras":
			words += ", some of them also seen in training, which flatters every figure"
		}
	}
	if d.Positive != "" {
		words += fmt.Sprintf("; %s of the images are %s", Percent(float64(s.Positives)/float64(s.Images), 1), code(d.Positive))
	}
	if drawnOver != "" {
		words += fmt.Sprintf(". The %g %% intervals are percentiles of %s bootstrap draws over %s", 100*level, Count(draws), d.over(drawnOver))
		if drawnOver == "images" && d.GroupRule == "" {
			words += " as if they were independent, because no groups are known: where several images are of one person the true intervals are wider"
		}
	} else {
		words += ". No intervals were drawn"
	}
	return words + "."
}
