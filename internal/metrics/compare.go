package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Difference is model A minus model B on the same images.
type Difference struct {
	Metrics   []MetricDifference `json:"metrics"`
	McNemar   McNemar            `json:"mcnemar"`
	DrawnOver string             `json:"drawn_over"` // as in Result
	Draws     int                `json:"draws"`
	Level     float64            `json:"level"`
	Seed      uint64             `json:"seed"`
}

// MetricDifference is A − B of one metric. Both models are measured on the
// same draws, so the interval is of the difference, not of two strangers.
type MetricDifference struct {
	Key    string `json:"key"`
	Title  string `json:"title"`
	Better int    `json:"better"` // +1: higher is better, −1: lower is better
	Value
}

// MarshalJSON keeps Value's own method from hiding the other fields.
func (d MetricDifference) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"key":%q,"title":%q,"better":%d,"value":%s,"low":%s,"high":%s}`,
		d.Key, d.Title, d.Better, jsonNumber(d.Value.Value), jsonNumber(d.Low), jsonNumber(d.High)), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *MetricDifference) UnmarshalJSON(b []byte) error {
	var name struct {
		Key, Title string
		Better     int
	}
	if err := json.Unmarshal(b, &name); err != nil {
		return err
	}
	d.Key, d.Title, d.Better = name.Key, name.Title, name.Better
	return json.Unmarshal(b, &d.Value)
}

func jsonNumber(f float64) []byte {
	b, err := number(f).MarshalJSON()
	if err != nil { // cannot be: a finite float64 has a JSON form
		return []byte("null")
	}
	return b
}

// Winner tells who is better by the interval: +1 A, −1 B, 0 not told apart.
func (d MetricDifference) Winner() int {
	switch {
	case d.Low > 0:
		return d.Better
	case d.High < 0:
		return -d.Better
	}
	return 0
}

// Metric returns the difference of the metric of that key, e.g. "accuracy".
func (d *Difference) Metric(key string) (m MetricDifference, ok bool) {
	for _, m := range d.Metrics {
		if m.Key == key {
			return m, true
		}
	}
	return MetricDifference{}, false
}

// Compare measures models a and b, each at its own threshold, on the same
// images: labels and groups must be equal, image by image.
func Compare(a, b Sample, thresholdA, thresholdB float64, o Options) (*Difference, error) {
	if err := checkPair(a, b); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	ea, eb := newEvaluator(a, thresholdA, o), newEvaluator(b, thresholdB, o)
	d := &Difference{McNemar: mcNemarOf(a, b, thresholdA, thresholdB), Draws: o.Draws, Level: o.Level, Seed: o.Seed}
	if o.Draws > 0 {
		d.DrawnOver = ea.over
	}
	allA, allB := ea.tally(nil), eb.tally(nil)
	drawsA, drawsB := ea.draws(o), eb.draws(o)
	for i, m := range measures {
		for k := range drawsA[i] {
			drawsA[i][k] -= drawsB[i][k]
		}
		low, high := interval(drawsA[i], o.Level)
		d.Metrics = append(d.Metrics, MetricDifference{m.key, m.title, m.better, Value{m.of(allA) - m.of(allB), low, high}})
	}
	return d, nil
}

func checkPair(a, b Sample) error {
	if err := a.Check(); err != nil {
		return fmt.Errorf("first model: %w", err)
	}
	if err := b.Check(); err != nil {
		return fmt.Errorf("second model: %w", err)
	}
	if !slices.Equal(a.Labels, b.Labels) || !slices.Equal(a.Groups, b.Groups) {
		return fmt.Errorf("the two models were not measured on the same images: labels or groups differ")
	}
	return nil
}

// McNemar tests whether two models are right equally often. Its p takes the
// images as independent; images of one patient are not, so where groups are
// known trust the interval of the difference before p.
type McNemar struct {
	OnlyA int     `json:"only_a"` // images that only A calls right
	OnlyB int     `json:"only_b"` // images that only B calls right
	P     float64 `json:"p"`      // two-sided, exact binomial; 1 when no image tells them apart
	Chi2  float64 `json:"chi2"`   // (|OnlyA−OnlyB|−1)²/(OnlyA+OnlyB), with continuity correction
	PChi2 float64 `json:"p_chi2"` // of Chi2, one degree of freedom; good from about 25 images
}

// NewMcNemar computes both tests of the two counts.
func NewMcNemar(onlyA, onlyB int) McNemar {
	m := McNemar{OnlyA: onlyA, OnlyB: onlyB, P: 1, PChi2: 1}
	n := onlyA + onlyB
	if n == 0 {
		return m
	}
	binomial := distuv.Binomial{N: float64(n), P: 0.5}
	m.P = min(1, 2*binomial.CDF(float64(min(onlyA, onlyB))))
	m.Chi2 = math.Pow(max(math.Abs(float64(onlyA-onlyB))-1, 0), 2) / float64(n)
	m.PChi2 = distuv.ChiSquared{K: 1}.Survival(m.Chi2)
	return m
}

func mcNemarOf(a, b Sample, thresholdA, thresholdB float64) McNemar {
	onlyA, onlyB := 0, 0
	for i, label := range a.Labels {
		rightA := a.called(i, thresholdA) == label
		rightB := b.called(i, thresholdB) == label
		switch {
		case rightA && !rightB:
			onlyA++
		case rightB && !rightA:
			onlyB++
		}
	}
	return NewMcNemar(onlyA, onlyB)
}
