package metrics

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
)

// Group is one row of the per-patient table. Rates that the group cannot
// define are NaN: a healthy patient has no sensitivity.
type Group struct {
	Name      string
	Confusion Confusion
	MeanScore float64
}

// Apparent is the share of the group's images called positive: for a patient
// whose images are a fair draw of the smear, the apparent parasitaemia.
func (g Group) Apparent() float64 { return ratio(g.Confusion.Called(), g.Confusion.Images()) }

// MarshalJSON writes counts and rates; undefined rates are null.
func (g Group) MarshalJSON() ([]byte, error) {
	c := g.Confusion
	return json.Marshal(struct {
		Name        string    `json:"group"`
		Images      int       `json:"images"`
		Positives   int       `json:"positives"`
		Called      int       `json:"called_positive"`
		Confusion   Confusion `json:"confusion"`
		Accuracy    number    `json:"accuracy"`
		Sensitivity number    `json:"sensitivity"`
		Specificity number    `json:"specificity"`
		MeanScore   number    `json:"mean_score"`
	}{g.Name, c.Images(), c.Positives(), c.Called(), c, number(c.Accuracy()),
		number(c.Sensitivity()), number(c.Specificity()), number(g.MeanScore)})
}

// ByGroup tells the groups apart, in alphabetical order. It is nil when no
// groups are known.
func ByGroup(s Sample, threshold float64) []Group {
	if s.Groups == nil {
		return nil
	}
	unit, names := units(len(s.Groups), s.Groups)
	out := make([]Group, len(names))
	for k, name := range names {
		out[k].Name = name
	}
	for i, p := range s.Scores {
		g := &out[unit[i]]
		g.Confusion.add(s.called(i, threshold), s.Labels[i], 1)
		g.MeanScore += p
	}
	for k := range out {
		out[k].MeanScore /= float64(out[k].Confusion.Images())
	}
	return out
}

// Worst returns the k groups of lowest accuracy, worst first; among equals
// the one with more images, then by name.
func Worst(groups []Group, k int) []Group {
	sorted := slices.Clone(groups)
	slices.SortStableFunc(sorted, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Confusion.Accuracy(), b.Confusion.Accuracy()),
			cmp.Compare(b.Confusion.Images(), a.Confusion.Images()),
			cmp.Compare(a.Name, b.Name))
	})
	return sorted[:min(max(k, 0), len(sorted))]
}

// Spread is how a rate varies from group to group, each group counting once.
type Spread struct {
	Groups      int // in which the rate is defined
	Min, Max    float64
	Mean        float64
	Median      float64
	WorstDecile float64 // a tenth of the groups are at or below it
}

// MarshalJSON writes undefined figures as null.
func (s Spread) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Groups      int    `json:"groups"`
		Min         number `json:"min"`
		WorstDecile number `json:"worst_decile"`
		Median      number `json:"median"`
		Mean        number `json:"mean"`
		Max         number `json:"max"`
	}{s.Groups, number(s.Min), number(s.WorstDecile), number(s.Median), number(s.Mean), number(s.Max)})
}

// GroupSummary is the spread of the three rates over the groups.
type GroupSummary struct {
	Accuracy    Spread `json:"accuracy"`
	Sensitivity Spread `json:"sensitivity"`
	Specificity Spread `json:"specificity"`
}

// Summarise takes for each rate the groups with at least least images that
// define it: least positives for sensitivity, least negatives for
// specificity. least ≤ 0: 1.
func Summarise(groups []Group, least int) GroupSummary {
	least = max(least, 1)
	over := func(rate func(Confusion) float64, count func(Confusion) int) Spread {
		var values []float64
		for _, g := range groups {
			if count(g.Confusion) >= least {
				values = append(values, rate(g.Confusion))
			}
		}
		return spread(values)
	}
	return GroupSummary{
		Accuracy:    over(Confusion.Accuracy, Confusion.Images),
		Sensitivity: over(Confusion.Sensitivity, Confusion.Positives),
		Specificity: over(Confusion.Specificity, Confusion.Negatives),
	}
}

func spread(values []float64) Spread {
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	mean := math.NaN()
	if len(values) > 0 {
		mean = sum / float64(len(values))
	}
	return Spread{len(values), Quantile(values, 0), Quantile(values, 1), mean, Quantile(values, .5), Quantile(values, .1)}
}
