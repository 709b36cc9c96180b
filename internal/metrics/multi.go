package metrics

import (
	"fmt"
	"math"
)

// MultiSample is a set of images scored for K classes.
type MultiSample struct {
	Probs   []float64 // (n,K) probability of each class
	Labels  []int     // (n) class, 0…K−1
	Groups  []string  // (n), nil: unknown
	Classes []string  // (K) names
}

// Check returns an error that names the first fault.
func (s MultiSample) Check() error {
	n, k := len(s.Labels), len(s.Classes)
	switch {
	case n == 0:
		return fmt.Errorf("no images to evaluate")
	case k < 2:
		return fmt.Errorf("%d classes, want at least 2", k)
	case len(s.Probs) != n*k:
		return fmt.Errorf("%d probabilities for %d images of %d classes, want %d", len(s.Probs), n, k, n*k)
	case s.Groups != nil && len(s.Groups) != n:
		return fmt.Errorf("%d images but %d groups", n, len(s.Groups))
	}
	for i, c := range s.Labels {
		if c < 0 || c >= k {
			return fmt.Errorf("label %d is %d, want 0…%d", i, c, k-1)
		}
	}
	return checkProbabilities(s.Probs)
}

// Called returns the class of highest probability of each image (n), the
// first of equals.
func (s MultiSample) Called() []int {
	k := len(s.Classes)
	out := make([]int, len(s.Labels))
	for i := range out {
		row := s.Probs[i*k : (i+1)*k]
		for c, p := range row {
			if p > row[out[i]] {
				out[i] = c
			}
		}
	}
	return out
}

// MultiResult is every metric of a classifier of K classes.
type MultiResult struct {
	Images    int           `json:"images"`
	Groups    int           `json:"groups"` // 0: unknown
	Classes   []ClassResult `json:"classes"`
	Confusion [][]int       `json:"confusion"` // (K,K) [truth][called]

	Accuracy         Value `json:"accuracy"`
	BalancedAccuracy Value `json:"balanced_accuracy"` // mean recall of the classes that are there
	MacroF1          Value `json:"macro_f1"`          // mean F1 of the classes that are there or called
	MacroAUC         Value `json:"macro_auc"`         // mean of one class against the rest; NaN when a class has no image
	LogLoss          Value `json:"log_loss"`

	DrawnOver string   `json:"drawn_over"`
	Draws     int      `json:"draws"`
	Level     float64  `json:"level"`
	Seed      uint64   `json:"seed"`
	Notes     []string `json:"notes,omitempty"`
}

// ClassResult is one class against the rest.
type ClassResult struct {
	Name      string `json:"class"`
	Images    int    `json:"images"`
	Recall    Value  `json:"recall"`
	Precision Value  `json:"precision"`
	F1        Value  `json:"f1"`
	AUC       Value  `json:"auc"`
}

// Metrics returns the overall metrics in the order of every table.
func (r *MultiResult) Metrics() []Metric {
	return []Metric{
		{"accuracy", "Accuracy", 1, r.Accuracy},
		{"balanced_accuracy", "Balanced accuracy", 1, r.BalancedAccuracy},
		{"macro_f1", "Macro F1", 1, r.MacroF1},
		{"macro_auc", "Macro ROC AUC", 1, r.MacroAUC},
		{"log_loss", "Log loss", -1, r.LogLoss},
	}
}

// EvaluateMulti measures s; the class of highest probability is the call.
func EvaluateMulti(s MultiSample, o Options) (*MultiResult, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	e := newMultiEvaluator(s, o)
	k := len(s.Classes)
	r := &MultiResult{Images: len(s.Labels), Groups: e.groups, Confusion: make([][]int, k),
		Draws: o.Draws, Level: o.Level, Seed: o.Seed}
	if o.Draws > 0 {
		r.DrawnOver = e.over
	}
	counts, _ := e.tally(nil)
	for t := range r.Confusion {
		r.Confusion[t] = counts[t*k : (t+1)*k]
	}
	values := e.values(o)
	r.Accuracy, r.BalancedAccuracy, r.MacroF1, r.MacroAUC, r.LogLoss = values[0], values[1], values[2], values[3], values[4]
	for c, name := range s.Classes {
		v := values[5+4*c:]
		images := e.oneVsRest(counts, c).Positives()
		r.Classes = append(r.Classes, ClassResult{name, images, v[0], v[1], v[2], v[3]})
		if images == 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("no image of class %q: its recall and AUC say nothing, and there is no macro AUC", name))
		}
	}
	if o.Draws > 0 && e.units < 20 {
		r.Notes = append(r.Notes, fmt.Sprintf("only %d %s: the intervals are rough", e.units, e.over))
	}
	return r, nil
}

// multiEvaluator holds what is the same for every draw.
type multiEvaluator struct {
	k, units, groups int
	over             string
	counts           [][]int    // (U)(K,K) of each unit, [truth,called]
	logLoss          []float64  // (U)
	rankings         []*ranking // (K) one class against the rest
}

func newMultiEvaluator(s MultiSample, o Options) *multiEvaluator {
	k, n := len(s.Classes), len(s.Labels)
	e := &multiEvaluator{k: k, units: n, over: "images"}
	unit, _ := units(n, nil)
	if s.Groups != nil {
		byGroup, names := units(n, s.Groups)
		e.groups = len(names)
		if !o.Images {
			unit, e.units, e.over = byGroup, len(names), "groups"
		}
	}
	e.counts, e.logLoss = make([][]int, e.units), make([]float64, e.units)
	for u := range e.counts {
		e.counts[u] = make([]int, k*k)
	}
	for i, called := range s.Called() {
		e.counts[unit[i]][s.Labels[i]*k+called]++
		e.logLoss[unit[i]] += surprise(s.Probs[i*k+s.Labels[i]], true)
	}
	scores, is := make([]float64, n), make([]bool, n)
	for c := range k {
		for i := range scores {
			scores[i], is[i] = s.Probs[i*k+c], s.Labels[i] == c
		}
		e.rankings = append(e.rankings, rank(scores, is, unit))
	}
	return e
}

// tally counts each unit weight times; nil: once.
func (e *multiEvaluator) tally(weight []int32) (counts []int, logLoss float64) {
	counts = make([]int, e.k*e.k)
	for u, c := range e.counts {
		w := 1
		if weight != nil {
			w = int(weight[u])
		}
		if w == 0 {
			continue
		}
		for i, v := range c {
			counts[i] += w * v
		}
		logLoss += float64(w) * e.logLoss[u]
	}
	return counts, logLoss
}

// oneVsRest makes class c the positive one.
func (e *multiEvaluator) oneVsRest(counts []int, c int) Confusion {
	var out Confusion
	for i, v := range counts {
		out.add(i%e.k == c, i/e.k == c, v)
	}
	return out
}

// measure returns accuracy, balanced accuracy, macro F1, macro AUC, log loss,
// then recall, precision, F1 and AUC of each class: (5+4K).
func (e *multiEvaluator) measure(weight []int32) []float64 {
	counts, logLoss := e.tally(weight)
	out := make([]float64, 5, 5+4*e.k)
	right, n := 0, 0
	var recall, f1, auc mean
	for c := range e.k {
		one := e.oneVsRest(counts, c)
		right, n = right+one.TP, one.Images()
		area, _ := e.rankings[c].areas(weight)
		recall.add(one.Sensitivity())
		f1.add(one.F1())
		auc.add(area)
		out = append(out, one.Sensitivity(), one.Precision(), one.F1(), area)
	}
	out[0], out[1], out[2], out[3] = ratio(right, n), recall.of(), f1.of(), auc.of()
	if auc.n < e.k {
		out[3] = math.NaN()
	}
	out[4] = logLoss / float64(n)
	return out
}

// values returns what measure does, with intervals.
func (e *multiEvaluator) values(o Options) []Value {
	all := e.measure(nil)
	draws := make([][]float64, len(all)) // (5+4K, B)
	for i := range draws {
		draws[i] = make([]float64, o.Draws)
	}
	if e.units > 1 {
		bootstrap(e.units, o, func(b int, weight []int32) {
			for i, v := range e.measure(weight) {
				draws[i][b] = v
			}
		})
	}
	out := make([]Value, len(all))
	for i, v := range all {
		out[i] = Value{v, math.NaN(), math.NaN()}
		if e.units > 1 {
			out[i].Low, out[i].High = interval(draws[i], o.Level)
		}
	}
	return out
}

// mean of the values that are defined.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) {
	if !math.IsNaN(v) {
		m.sum += v
		m.n++
	}
}

func (m *mean) of() float64 { return m.sum / float64(m.n) }
