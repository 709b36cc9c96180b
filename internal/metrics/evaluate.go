package metrics

import (
	"fmt"
	"math"
)

// Result is every metric of a binary classifier on one sample.
type Result struct {
	Images    int       `json:"images"`
	Positives int       `json:"positives"`
	Groups    int       `json:"groups"` // 0: unknown
	Threshold float64   `json:"threshold"`
	Confusion Confusion `json:"confusion"`

	Accuracy         Value `json:"accuracy"`
	BalancedAccuracy Value `json:"balanced_accuracy"`
	Sensitivity      Value `json:"sensitivity"`
	Specificity      Value `json:"specificity"`
	Precision        Value `json:"precision"`
	F1               Value `json:"f1"`
	MCC              Value `json:"mcc"`
	AUC              Value `json:"auc"`
	AveragePrecision Value `json:"average_precision"`
	Brier            Value `json:"brier"`
	LogLoss          Value `json:"log_loss"`

	DrawnOver string   `json:"drawn_over"` // what the intervals are drawn over: "groups", "images" or ""
	Draws     int      `json:"draws"`
	Level     float64  `json:"level"`
	Seed      uint64   `json:"seed"`
	Notes     []string `json:"notes,omitempty"` // what a reader must know, in words
}

// Metric is one row of a table of metrics.
type Metric struct {
	Key    string // as in JSON
	Title  string // for people
	Better int    // +1: higher is better, −1: lower is better
	Value  Value
}

// measures lists the metrics in the order of every table.
var measures = []struct {
	key, title string
	better     int
	of         func(tally) float64
	in         func(*Result) *Value
}{
	{"accuracy", "Accuracy", 1, func(t tally) float64 { return t.Accuracy() }, func(r *Result) *Value { return &r.Accuracy }},
	{"balanced_accuracy", "Balanced accuracy", 1, func(t tally) float64 { return t.BalancedAccuracy() }, func(r *Result) *Value { return &r.BalancedAccuracy }},
	{"sensitivity", "Sensitivity", 1, func(t tally) float64 { return t.Sensitivity() }, func(r *Result) *Value { return &r.Sensitivity }},
	{"specificity", "Specificity", 1, func(t tally) float64 { return t.Specificity() }, func(r *Result) *Value { return &r.Specificity }},
	{"precision", "Precision", 1, func(t tally) float64 { return t.Precision() }, func(r *Result) *Value { return &r.Precision }},
	{"f1", "F1", 1, func(t tally) float64 { return t.F1() }, func(r *Result) *Value { return &r.F1 }},
	{"mcc", "MCC", 1, func(t tally) float64 { return t.MCC() }, func(r *Result) *Value { return &r.MCC }},
	{"auc", "ROC AUC", 1, func(t tally) float64 { return t.auc }, func(r *Result) *Value { return &r.AUC }},
	{"average_precision", "Average precision", 1, func(t tally) float64 { return t.ap }, func(r *Result) *Value { return &r.AveragePrecision }},
	{"brier", "Brier score", -1, func(t tally) float64 { return t.brier }, func(r *Result) *Value { return &r.Brier }},
	{"log_loss", "Log loss", -1, func(t tally) float64 { return t.logLoss }, func(r *Result) *Value { return &r.LogLoss }},
}

// Metrics returns the metrics in the order of every table.
func (r *Result) Metrics() []Metric {
	out := make([]Metric, len(measures))
	for i, m := range measures {
		out[i] = Metric{m.key, m.title, m.better, *m.in(r)}
	}
	return out
}

// Metric returns the metric of that key, e.g. "auc"; ok is false for an
// unknown key.
func (r *Result) Metric(key string) (m Metric, ok bool) {
	for _, m := range r.Metrics() {
		if m.Key == key {
			return m, true
		}
	}
	return Metric{}, false
}

// Evaluate measures s at a threshold. Intervals are drawn over groups where
// they are known, because images of one patient resemble each other and an
// interval over images would be too narrow.
func Evaluate(s Sample, threshold float64, o Options) (*Result, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if math.IsNaN(threshold) {
		return nil, fmt.Errorf("threshold is NaN, want a number")
	}
	o = o.withDefaults()
	e := newEvaluator(s, threshold, o)
	r := &Result{Images: len(s.Scores), Threshold: threshold, Draws: o.Draws, Level: o.Level, Seed: o.Seed}
	all := e.tally(nil)
	r.Confusion, r.Positives = all.Confusion, all.Positives()
	values := e.draws(o)
	for i, m := range measures {
		low, high := interval(values[i], o.Level)
		*m.in(r) = Value{m.of(all), low, high}
	}
	r.describe(s, e, o)
	return r, nil
}

// describe fills Groups, DrawnOver and Notes.
func (r *Result) describe(s Sample, e *evaluator, o Options) {
	if s.Groups != nil {
		_, names := units(len(s.Groups), s.Groups)
		r.Groups = len(names)
	}
	r.DrawnOver = e.over
	if o.Draws == 0 {
		r.DrawnOver = ""
	}
	note := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	switch {
	case r.Positives == 0:
		note("no positive image: sensitivity, F1, MCC, AUC and average precision say nothing")
	case r.Positives == r.Images:
		note("no negative image: specificity, MCC and AUC say nothing")
	case r.Confusion.Called() == 0:
		note("no image is called positive at this threshold: precision is undefined")
	}
	if s.Called != nil {
		note("images were called at thresholds of their own, e.g. each fold at its own")
	}
	switch {
	case o.Draws == 0:
	case e.units < 2:
		note("a single %s: no interval can be drawn", singular(e.over))
	case e.units < 20:
		note("only %d %s: the intervals are rough", e.units, e.over)
	}
}

func singular(over string) string { return over[:len(over)-1] }

// evaluator holds what is the same for every draw.
type evaluator struct {
	ranking *ranking
	units   int
	over    string      // "groups" or "images"
	counts  []Confusion // (U) of each unit
	brier   []float64   // (U) sum over the unit's images
	logLoss []float64   // (U)
}

// tally is a weighted count of a sample: what the metrics are made of.
type tally struct {
	Confusion
	auc, ap, brier, logLoss float64
}

func newEvaluator(s Sample, threshold float64, o Options) *evaluator {
	groups, over := s.Groups, "groups"
	if groups == nil || o.Images {
		groups, over = nil, "images"
	}
	unit, names := units(len(s.Scores), groups)
	count := len(s.Scores)
	if groups != nil {
		count = len(names)
	}
	e := &evaluator{ranking: rank(s.Scores, s.Labels, unit), units: count, over: over,
		counts: make([]Confusion, count), brier: make([]float64, count), logLoss: make([]float64, count)}
	for i, p := range s.Scores {
		u := unit[i]
		e.counts[u].add(s.called(i, threshold), s.Labels[i], 1)
		e.brier[u] += squaredError(p, s.Labels[i])
		e.logLoss[u] += surprise(p, s.Labels[i])
	}
	return e
}

// tally counts each unit weight times; nil: once.
func (e *evaluator) tally(weight []int32) tally {
	var t tally
	for u, c := range e.counts {
		w := 1
		if weight != nil {
			w = int(weight[u])
		}
		t.addTimes(c, w)
		t.brier += float64(w) * e.brier[u]
		t.logLoss += float64(w) * e.logLoss[u]
	}
	n := float64(t.Images())
	t.brier /= n
	t.logLoss /= n
	t.auc, t.ap = e.ranking.areas(weight)
	return t
}

// draws returns each metric in each draw, (len(measures), B). A single unit
// gives no draws that differ, so all are NaN then.
func (e *evaluator) draws(o Options) [][]float64 {
	out := make([][]float64, len(measures))
	for i := range out {
		out[i] = make([]float64, o.Draws)
	}
	bootstrap(e.units, o, func(b int, weight []int32) {
		t := e.tally(weight)
		for i, m := range measures {
			out[i][b] = m.of(t)
			if e.units < 2 {
				out[i][b] = math.NaN()
			}
		}
	})
	return out
}
