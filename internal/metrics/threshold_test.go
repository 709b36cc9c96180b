package metrics

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRule(t *testing.T) {
	for in, want := range map[string]Rule{
		"":                 {},
		"0.37":             {"number", .37},
		"0":                {"number", 0},
		"max-f1":           {Kind: "max-f1"},
		"youden":           {Kind: "youden"},
		"sensitivity=0.95": {"sensitivity", .95},
		"specificity=1":    {"specificity", 1},
	} {
		got, err := ParseRule(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
		if in != "" && got.String() != in {
			t.Errorf("%q reads back as %q", in, got)
		}
	}
	for _, in := range []string{"best", "1.5", "-1", "NaN", "sensitivity", "sensitivity=", "sensitivity=95", "max-f1=2", "youden=1"} {
		if r, err := ParseRule(in); err == nil {
			t.Errorf("%q is read as %+v", in, r)
		}
	}
}

func TestChooseTies(t *testing.T) {
	scores := []float64{.1, .3, .5, .7, .9}
	labels := []bool{false, true, false, true, true}
	for rule, want := range map[Rule]float64{
		{Kind: "youden"}:     .6, // sens 2/3, spec 1; at .2 sens 1, spec 1/2 is less
		{Kind: "max-f1"}:     .2, // 6/7 against 4/5
		{"sensitivity", .6}:  .6, // spec 1; nothing asked beyond .6
		{"sensitivity", 1}:   .2,
		{"specificity", .5}:  .2, // the lower threshold
		{"specificity", 1}:   .6,
		{"sensitivity", .01}: .8,
		{}:                   .5,
		{"number", .25}:      .25,
	} {
		c, err := Choose(rule, scores, labels)
		if err != nil || math.Abs(c.Threshold-want) > 1e-12 || c.Note != "" {
			t.Errorf("%s: %+v, %v, want threshold %v", rule, c, err, want)
		}
	}
	// Equal Youden at both cuts (1/2): the lower threshold, higher sensitivity.
	c, err := Choose(Rule{Kind: "youden"}, []float64{.2, .4, .6, .8}, []bool{false, true, false, true})
	if err != nil || math.Abs(c.Threshold-.3) > 1e-12 {
		t.Errorf("tie: %+v, %v", c, err)
	}
}

func TestChooseEnds(t *testing.T) {
	// The highest score is of a negative image: specificity 1 calls nobody.
	c, err := Choose(Rule{"specificity", 1}, []float64{1, .5}, []bool{false, true})
	if err != nil || c.Confusion.Called() != 0 || c.Threshold <= 1 || !strings.Contains(c.Note, "no validation image") {
		t.Errorf("%+v, %v", c, err)
	}
	// The lowest score is of a positive image: sensitivity 1 calls everybody.
	c, err = Choose(Rule{"sensitivity", 1}, []float64{0, .5}, []bool{true, false})
	if err != nil || c.Confusion.Called() != 2 || c.Threshold != 0 || !strings.Contains(c.Note, "every validation image") {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err = Choose(Rule{Kind: "youden"}, []float64{0, .5}, []bool{true, true}); err == nil || !strings.Contains(err.Error(), "2 positive and 0 negative") {
		t.Errorf("one class: %v", err)
	}
	if _, err = Choose(Rule{Kind: "youden"}, nil, nil); err == nil {
		t.Error("no images: no error")
	}
}

// TestChooseIsBest tries every threshold there is.
func TestChooseIsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "n")
		scores := rapid.SliceOfN(rapid.SampledFrom([]float64{0, .1, .1 + 1e-17, .2, math.Nextafter(.2, 1), .5, .9, 1}), n, n).Draw(t, "scores")
		labels := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "labels")
		labels[0], labels[1] = true, false
		rule := rapid.SampledFrom([]Rule{{Kind: "max-f1"}, {Kind: "youden"}, {"sensitivity", .8}, {"specificity", .9}}).Draw(t, "rule")
		c, err := Choose(rule, scores, labels)
		if err != nil {
			t.Fatal(err)
		}
		if Count(scores, labels, c.Threshold) != c.Confusion {
			t.Fatalf("threshold %v does not give %+v", c.Threshold, c.Confusion)
		}
		for _, other := range append(scores, 2) {
			if g := rule.gain(Count(scores, labels, other)); g > rule.gain(c.Confusion) {
				t.Fatalf("%s: threshold %v is better (%v) than %+v", rule, other, g, c)
			}
		}
	})
}

// TestSmear holds the arithmetic of the notes: specificity .972 shows 140
// false cells, 2.8 %, in a healthy smear of 5,000.
func TestSmear(t *testing.T) {
	e := Smear(0, 0, .947, .972)
	if math.Abs(e.FalseCells-140) > 1e-9 || math.Abs(e.Apparent-.028) > 1e-12 || math.Abs(e.Clean-.028) > 1e-12 || e.PPV != 0 || e.NPV != 1 {
		t.Errorf("healthy: %+v", e)
	}
	e = Smear(10000, .04, .9, .95) // 400 infected: 360 found, 40 missed; 9,600 healthy: 480 false
	if math.Abs(e.TrueCells-360)+math.Abs(e.FalseCells-480)+math.Abs(e.Missed-40) > 1e-9 ||
		math.Abs(e.PPV-360./840) > 1e-12 || math.Abs(e.NPV-9120./9160) > 1e-12 || math.Abs(e.Apparent-.084) > 1e-12 {
		t.Errorf("infected: %+v", e)
	}
	if p := TrueParasitaemia(e.Apparent, .9, .95); math.Abs(p-.04) > 1e-12 {
		t.Errorf("corrected %v, want .04", p)
	}
	if !math.IsNaN(TrueParasitaemia(.1, .5, .5)) || TrueParasitaemia(.01, .9, .95) != 0 {
		t.Error("chance or fewer calls than the false rate")
	}
	if e := Smear(0, 0, .9, 1); !math.IsNaN(e.PPV) {
		t.Errorf("no cell is called infected, PPV %v", e.PPV)
	}
}
