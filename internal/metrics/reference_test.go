package metrics

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// reference is one case that scikit-learn answered: see
// internal/testkit/oracle/metrics_reference.py.
type reference struct {
	Kind      string    `json:"kind"`
	Scores    []float64 `json:"scores,omitempty"`
	Weights   []int32   `json:"weights,omitempty"`
	Threshold float64   `json:"threshold,omitempty"`
	Probs     []float64 `json:"probs,omitempty"`
	Classes   []string  `json:"classes,omitempty"`
	OnlyA     int       `json:"only_a,omitempty"`
	OnlyB     int       `json:"only_b,omitempty"`
	Values    []float64 `json:"values,omitempty"`
	At        []float64 `json:"at,omitempty"`

	Labels json.RawMessage `json:"labels,omitempty"` // bool or int, by kind
	Want   json.RawMessage `json:"want,omitempty"`
}

type binaryWant struct {
	Confusion   [4]int
	ROC         [2][]float64 `json:"roc"`
	PR          [2][]float64 `json:"pr"`
	Reliability [2][]float64
	Best        map[string]float64
}

func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json") // metrics_reference.py --make
	if err != nil {
		t.Fatal(err)
	}
	checkReferences(t, b)
}

func checkReferences(t *testing.T, b []byte) {
	t.Helper()
	var cases []reference
	decode(t, b, &cases)
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range cases {
		switch c.Kind {
		case "binary":
			checkBinary(t, i, c)
		case "multi":
			checkMulti(t, i, c)
		case "mcnemar":
			checkMcNemar(t, i, c)
		case "quantile":
			var want struct{ Q []float64 }
			decode(t, c.Want, &want)
			for k, q := range c.At {
				near(t, i, "quantile", Quantile(c.Values, q), want.Q[k])
			}
		default:
			t.Fatalf("case %d: unknown kind %q", i, c.Kind)
		}
	}
}

func checkBinary(t *testing.T, i int, c reference) {
	t.Helper()
	s := Sample{Scores: c.Scores}
	decode(t, c.Labels, &s.Labels)
	var want binaryWant
	decode(t, c.Want, &want)
	var values map[string]json.RawMessage
	decode(t, c.Want, &values)

	o := Options{Draws: -1}.withDefaults()
	got := newEvaluator(s, c.Threshold, o).tally(c.Weights)
	if f := got.Confusion; [4]int{f.TP, f.FP, f.TN, f.FN} != want.Confusion {
		t.Errorf("case %d: confusion %+v, scikit-learn has tp fp tn fn %v", i, f, want.Confusion)
	}
	for _, m := range measures {
		near(t, i, m.key, m.of(got), float(t, values[m.key]))
	}
	if c.Weights != nil || want.ROC[0] == nil {
		return
	}
	for k, p := range ROC(s.Scores, s.Labels) {
		near(t, i, "fpr", p.FPR, want.ROC[0][k])
		near(t, i, "tpr", p.TPR, want.ROC[1][k])
	}
	for k, p := range PR(s.Scores, s.Labels) {
		near(t, i, "recall", p.Recall, want.PR[0][k])
		near(t, i, "precision", p.Precision, want.PR[1][k])
	}
	bins := Reliability(s.Scores, s.Labels, 0)
	if len(bins) != len(want.Reliability[0]) {
		t.Fatalf("case %d: %d reliability bins, scikit-learn has %d", i, len(bins), len(want.Reliability[0]))
	}
	for k, b := range bins {
		near(t, i, "mean score", b.MeanScore, want.Reliability[0][k])
		near(t, i, "positive", b.Positive, want.Reliability[1][k])
	}
	checkBest(t, i, s, want.Best)
}

// checkBest checks that each rule reaches the best that any threshold reaches,
// and that the threshold in between two scores does what was promised.
func checkBest(t *testing.T, i int, s Sample, best map[string]float64) {
	t.Helper()
	for text, want := range best {
		rule, err := ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Choose(rule, s.Scores, s.Labels)
		if err != nil {
			t.Fatal(err)
		}
		near(t, i, text, rule.gain(c.Confusion), want)
		if got := Count(s.Scores, s.Labels, c.Threshold); got != c.Confusion {
			t.Errorf("case %d: %s: threshold %v gives %+v, promised %+v", i, text, c.Threshold, got, c.Confusion)
		}
	}
}

func checkMulti(t *testing.T, i int, c reference) {
	t.Helper()
	s := MultiSample{Probs: c.Probs, Classes: c.Classes}
	decode(t, c.Labels, &s.Labels)
	r, err := EvaluateMulti(s, Options{Draws: 20})
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]json.RawMessage
	decode(t, c.Want, &values)
	for _, m := range r.Metrics() {
		near(t, i, m.Key, m.Value.Value, float(t, values[m.Key]))
	}
	var counts [][]int
	decode(t, values["confusion"], &counts)
	for a := range counts {
		for b := range counts[a] {
			if r.Confusion[a][b] != counts[a][b] {
				t.Errorf("case %d: confusion %v, scikit-learn has %v", i, r.Confusion, counts)
			}
		}
	}
}

func checkMcNemar(t *testing.T, i int, c reference) {
	t.Helper()
	m := NewMcNemar(c.OnlyA, c.OnlyB)
	var want struct {
		P     float64
		PChi2 float64 `json:"p_chi2"`
	}
	decode(t, c.Want, &want)
	near(t, i, "McNemar p", m.P, want.P)
	near(t, i, "McNemar chi² p", m.PChi2, want.PChi2)
}

// near wants equality to 1e-9, NaN equal to NaN.
func near(t *testing.T, i int, name string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-9 {
		t.Errorf("case %d: %s is %.12g, scikit-learn has %.12g", i, name, got, want)
	}
}

// float reads a number, NaN for null.
func float(t *testing.T, b json.RawMessage) float64 {
	t.Helper()
	f := number(0)
	decode(t, b, &f)
	return float64(f)
}

func decode(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v in %.60s", err, b)
	}
}
