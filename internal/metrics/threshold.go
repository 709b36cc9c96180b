package metrics

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Rule says how a threshold is chosen. Its zero value is the number 0.5.
type Rule struct {
	Kind   string  // "max-f1", "youden", "sensitivity", "specificity", "number" or "" (0.5)
	Target float64 // wanted sensitivity or specificity, or the number
}

// ParseRule reads "max-f1", "youden", "sensitivity=0.95", "specificity=0.97"
// or a number in 0…1. The empty string is 0.5.
func ParseRule(s string) (Rule, error) {
	kind, target, hasTarget := strings.Cut(s, "=")
	switch {
	case s == "":
		return Rule{}, nil
	case s == "max-f1" || s == "youden":
		return Rule{Kind: kind}, nil
	case hasTarget && (kind == "sensitivity" || kind == "specificity"):
		f, err := strconv.ParseFloat(target, 64)
		if err != nil || !(f > 0 && f <= 1) {
			return Rule{}, fmt.Errorf("threshold %q: want a number above 0 and up to 1 after %q", s, kind+"=")
		}
		return Rule{kind, f}, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return Rule{}, fmt.Errorf(`threshold %q: want "max-f1", "youden", "sensitivity=0.95", "specificity=0.97" or a number in 0…1`, s)
	}
	return Rule{"number", f}, nil
}

// String is what ParseRule reads.
func (r Rule) String() string {
	switch r.Kind {
	case "":
		return "0.5"
	case "number":
		return strconv.FormatFloat(r.Target, 'g', -1, 64)
	case "sensitivity", "specificity":
		return r.Kind + "=" + strconv.FormatFloat(r.Target, 'g', -1, 64)
	}
	return r.Kind
}

// Chosen reports whether the rule looks at scores; a plain number does not.
func (r Rule) Chosen() bool { return r.Kind != "" && r.Kind != "number" }

// Choice is a threshold and what it does on the images it was chosen on.
type Choice struct {
	Rule      string    `json:"rule"`
	Threshold float64   `json:"threshold"`
	Images    int       `json:"images"`    // it was chosen on (a number: measured on)
	Confusion Confusion `json:"confusion"` // on those images
	Note      string    `json:"note,omitempty"`
}

// Choose picks the threshold by the rule. Give it validation scores: a
// threshold chosen on test images makes the test worthless.
//
//   - max-f1: the greatest F1.
//   - youden: the greatest sensitivity + specificity − 1.
//   - sensitivity=x: the greatest specificity with sensitivity ≥ x.
//   - specificity=x: the greatest sensitivity with specificity ≥ x.
//
// Ties go to the lower threshold, that is to the higher sensitivity, except
// with sensitivity=x, where the higher threshold wins (the sensitivity asked
// for is met; the rest goes to specificity). The threshold lies half-way
// between the lowest score called positive and the highest called negative
// (between 0 or 1 and the outermost score at the ends), so that a last-bit
// difference in another runtime turns no call.
func Choose(r Rule, scores []float64, labels []bool) (Choice, error) {
	if !r.Chosen() {
		t := 0.5
		if r.Kind == "number" {
			t = r.Target
		}
		return Choice{Rule: r.String(), Threshold: t, Images: len(scores), Confusion: Count(scores, labels, t)}, nil
	}
	if err := (Sample{Scores: scores, Labels: labels}).Check(); err != nil {
		return Choice{}, fmt.Errorf("threshold %s: %w", r, err)
	}
	ranking := rank(scores, labels, nil)
	negatives := len(scores) - ranking.positives
	if ranking.positives == 0 || negatives == 0 {
		return Choice{}, fmt.Errorf("threshold %s: validation holds %d positive and %d negative images, want some of both",
			r, ranking.positives, negatives)
	}
	cut, confusion := ranking.best(r)
	return Choice{r.String(), ranking.between(cut), len(scores), confusion, r.note(confusion)}, nil
}

// best returns how many images to call positive, and what that gives.
func (r *ranking) best(rule Rule) (cut int, best Confusion) {
	n := len(r.scores) - r.positives
	none := Confusion{TN: n, FN: r.positives}
	best, bestGain := none, rule.gain(none)
	r.walk(nil, func(i, tp, fp int) {
		c := Confusion{TP: tp, FP: fp, TN: n - fp, FN: r.positives - tp}
		gain := rule.gain(c)
		if gain > bestGain || gain == bestGain && rule.Kind != "sensitivity" {
			cut, best, bestGain = i+1, c, gain
		}
	})
	return cut, best
}

// gain is what the rule maximises; −1 where its condition is not met.
func (r Rule) gain(c Confusion) float64 {
	switch r.Kind {
	case "max-f1":
		return c.F1()
	case "sensitivity":
		if c.Sensitivity() < r.Target {
			return -1
		}
		return c.Specificity()
	case "specificity":
		if c.Specificity() < r.Target {
			return -1
		}
		return c.Sensitivity()
	}
	return c.Sensitivity() + c.Specificity() - 1
}

// note warns of a threshold that meets its rule and is of no use.
func (r Rule) note(c Confusion) string {
	switch {
	case c.Called() == 0:
		return "this threshold calls no validation image positive"
	case c.Called() == c.Images():
		return "this threshold calls every validation image positive"
	}
	return ""
}

// between is a threshold that calls exactly the cut highest scores positive.
func (r *ranking) between(cut int) float64 {
	switch n := len(r.scores); {
	case cut == 0 && r.scores[0] == 1:
		return math.Nextafter(1, 2)
	case cut == 0:
		return above(r.scores[0], 1)
	case cut == n:
		return r.scores[n-1] / 2
	default:
		return above(r.scores[cut], r.scores[cut-1])
	}
}

// above is the middle of low and high, but never low itself.
func above(low, high float64) float64 {
	if mid := low + (high-low)/2; mid > low {
		return mid
	}
	return high
}
