package finetune

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/internal/dataset"
)

// A curve that is flat, falls from step 30 to step 59 and rises: the longest
// fall has 30 losses, and the suggestion is the 15th of them.
func TestValley(t *testing.T) {
	c := RateCurve{steps: 100}
	for i := range 100 {
		loss := 1.0
		switch {
		case i >= 60:
			loss = 0.5 + float64(i-59)
		case i >= 30:
			loss = 1 - float64(i-29)/60
		}
		c.Points = append(c.Points, RatePoint{Rate: float64(i + 1), Smooth: loss})
	}
	// fastai: max_start = 59−31, sections = 31/3 with the last flat loss; 28 + 10 + 5.
	if got := c.valley(); got != 44 {
		t.Errorf("suggested the rate of step %g, wanted that of step 43", got-1)
	}
	for i := range c.Points {
		c.Points[i].Smooth = float64(i)
	}
	if got := c.valley(); got != 0 {
		t.Errorf("a rising curve suggests %g", got)
	}
}

// The sweep is what a Trainer gives that is fed the training images batch by
// batch, each at its rate; other images change nothing.
func TestFindRate(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	sweep := Sweep{From: 1e-5, To: 1, Steps: 20}
	c, err := FindRate(t.Context(), o, sweep, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Points) == 0 || c.Flag != "lr" {
		t.Fatalf("%+v", c)
	}
	tr := openedTrainer(t, o)
	p := tr.phases[0]
	step, err := p.head.Trainer(heads.TrainOptions{Batch: 16, L2: 0.1, Threads: 1, Seed: o.Seed})
	if err != nil {
		t.Fatal(err)
	}
	defer step.Close()
	row, average, i := p.x.rowSize(), 0.0, 0
	for pass := uint64(2); i < len(c.Points); pass++ {
		order := rand.New(rand.NewPCG(o.Seed, pass)).Perm(len(tr.train))
		for lo := 0; lo < len(order) && i < len(c.Points); lo += 16 {
			batch := order[lo:min(lo+16, len(order))]
			x, labels := make([]float32, len(batch)*row), make([]int, len(batch))
			for k, b := range batch {
				item := tr.train[b]
				if tr.data.set.Items[item].Split != dataset.Train {
					t.Fatal("no training image")
				}
				labels[k] = tr.data.label(item)
				if err := p.x.read(x[k*row:][:row], tr.data.set.Items[item].SHA256); err != nil {
					t.Fatal(err)
				}
			}
			rate := 1e-5 * math.Pow(1e5, float64(i)/19)
			loss, err := step.Step(x, labels, len(batch), rate)
			if err != nil {
				t.Fatal(err)
			}
			average = 0.98*average + 0.02*loss
			got, smooth := c.Points[i], average/(1-math.Pow(0.98, float64(i+1)))
			if math.Abs(got.Rate-rate) > 1e-12 || math.Abs(got.Loss-loss) > 1e-6 || math.Abs(got.Smooth-smooth) > 1e-6 {
				t.Fatalf("step %d: %+v, wanted rate %g, loss %g, smooth %g", i, got, rate, loss, smooth)
			}
			i++
		}
	}
	for _, bad := range []Sweep{{From: 1, To: 0.1}, {Steps: 3}, {From: math.NaN()}, {To: 1e9}} {
		if _, err := FindRate(t.Context(), o, bad, Silent{}); err == nil || !strings.Contains(err.Error(), "wants") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// halt ends a sweep after some steps, as Ctrl-C does.
type halt struct {
	Silent
	cancel func()
	steps  int
	what   string
}

func (h *halt) Begin(what, _ string, _ int) { h.what = what }

func (h *halt) Advance(done int) {
	if h.what == "raising the learning rate" && done == h.steps {
		h.cancel()
	}
}

// A sweep that is stopped says how to go on and leaves nothing but features,
// with which the next one is as if it had been the first.
func TestFindRateStops(t *testing.T) {
	s := newScene(t)
	for name, change := range map[string]func(*Options){
		"head":     func(*Options) {},
		"unfrozen": func(o *Options) { o.Unfreeze = 1 },
	} {
		o := s.options("")
		change(&o)
		sweep := Sweep{From: 1e-5, To: 1e-2, Steps: 20}
		ctx, cancel := context.WithCancel(t.Context())
		c, err := FindRate(ctx, o, sweep, &halt{cancel: cancel, steps: 7})
		if !errors.Is(err, context.Canceled) || c != nil || !strings.HasSuffix(err.Error(), "(the same command sweeps anew; features that were computed are kept)") {
			t.Errorf("%s: stopped after 7 steps: %+v, error %v", name, c, err)
		}
		if exists(s.runs) {
			t.Errorf("%s: a run was begun", name)
		}
		again, err := FindRate(t.Context(), o, sweep, Silent{})
		if err != nil {
			t.Fatal(err)
		}
		o.CacheDir = t.TempDir()
		first, err := FindRate(t.Context(), o, sweep, Silent{})
		if err != nil {
			t.Fatal(err)
		}
		if len(first.Points) != 20 || !slices.Equal(first.Points, again.Points) {
			t.Errorf("%s: the sweep after one that was stopped is another:\n%v\n%v", name, again.Points, first.Points)
		}
	}
}

// At rates so high that numbers overflow the sweep ends, and says where.
func TestFindRateDiverges(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	o.Unfreeze, o.Hidden = 3, 64
	o.BackboneLR = o.LearningRate / 1e4 // the head's rate is that much higher: each of its layers multiplies by weights of that size
	c, err := FindRate(t.Context(), o, Sweep{From: 900, To: 1000, Steps: 20}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	const stopped = "the loss or its gradient was no longer finite at 9.1e+02"
	if len(c.Points) != 1 || c.Points[0].Rate != 900 || !(c.Points[0].Smooth < 10) || c.Suggested != 0 || c.Stopped != stopped {
		t.Errorf("%+v", c)
	}
	path := filepath.Join(t.TempDir(), "curve")
	if err := c.Write(path); err == nil || err.Error() != stopped+", after 1 steps: no curve to draw (a smaller --from)" || exists(path+".csv") {
		t.Errorf("a curve of one point: %v", err)
	}
	if words := c.Summary(); !strings.Contains(words, stopped+".\nno suggestion: the loss did not fall") {
		t.Error(words)
	}
}
