// Package metrics measures a classifier: pure functions over scores, labels
// and groups. No files, no clocks, no global state; the same input gives the
// same bytes on every machine and with any number of threads.
//
// Letters: n images, G groups (patients), K classes, B bootstrap draws.
//
//   - [Evaluate] gives every metric of a binary classifier with its interval.
//   - [Compare] gives the difference of two classifiers on the same images.
//   - [Choose] picks the threshold, on validation scores only.
//   - [ByGroup] tells the patients apart; [EvaluateMulti] is for K > 2 classes.
//   - [Smear] translates sensitivity and specificity into a blood smear.
//
// A score is the probability of the positive class. An image is called
// positive when score ≥ threshold, as in scikit-learn. Formulas and corner
// cases follow scikit-learn and are tested against it, with one exception: a
// metric that the data cannot define (sensitivity without a positive image)
// is NaN here, which JSON shows as null, where scikit-learn warns and gives 0.
package metrics

import (
	"encoding/json"
	"fmt"
	"math"
)

// Sample is a set of scored images.
type Sample struct {
	Scores []float64 // (n) probability of the positive class, 0…1
	Labels []bool    // (n) true: the image is of the positive class
	Groups []string  // (n) whom the image is of, e.g. the patient; nil: unknown
	Called []bool    // (n) the call, where images have thresholds of their own, as each fold has; nil: score ≥ threshold
}

// called reports whether image i is called positive.
func (s Sample) called(i int, threshold float64) bool {
	if s.Called != nil {
		return s.Called[i]
	}
	return s.Scores[i] >= threshold
}

// Check returns an error that names the first fault: lengths that differ, no
// images at all, or a score that is no probability.
func (s Sample) Check() error {
	switch {
	case len(s.Scores) == 0:
		return fmt.Errorf("no images to evaluate")
	case len(s.Labels) != len(s.Scores):
		return fmt.Errorf("%d scores but %d labels", len(s.Scores), len(s.Labels))
	case s.Groups != nil && len(s.Groups) != len(s.Scores):
		return fmt.Errorf("%d scores but %d groups", len(s.Scores), len(s.Groups))
	case s.Called != nil && len(s.Called) != len(s.Scores):
		return fmt.Errorf("%d scores but %d calls", len(s.Scores), len(s.Called))
	}
	return checkProbabilities(s.Scores)
}

func checkProbabilities(scores []float64) error {
	for i, p := range scores {
		if !(p >= 0 && p <= 1) { // also catches NaN
			return fmt.Errorf("score %d is %v, want a probability in 0…1", i, p)
		}
	}
	return nil
}

// Value is a metric with its interval. NaN means undefined and is null in JSON.
type Value struct {
	Value, Low, High float64
}

// Known reports whether the metric is defined.
func (v Value) Known() bool { return !math.IsNaN(v.Value) }

// HasInterval reports whether the interval is defined.
func (v Value) HasInterval() bool { return !math.IsNaN(v.Low) && !math.IsNaN(v.High) }

type jsonValue struct {
	Value number `json:"value"`
	Low   number `json:"low"`
	High  number `json:"high"`
}

// MarshalJSON writes {"value":…,"low":…,"high":…}.
func (v Value) MarshalJSON() ([]byte, error) {
	return json.Marshal(jsonValue{number(v.Value), number(v.Low), number(v.High)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Value) UnmarshalJSON(b []byte) error {
	nan := number(math.NaN())
	j := jsonValue{nan, nan, nan}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*v = Value{float64(j.Value), float64(j.Low), float64(j.High)}
	return nil
}

// number is a float64 that JSON can hold: NaN and infinities become null, and
// null becomes NaN.
type number float64

func (f number) MarshalJSON() ([]byte, error) {
	if v := float64(f); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

func (f *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(f))
}

// ratio is a/b, NaN for 0/0.
func ratio(a, b int) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}
