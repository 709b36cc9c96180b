package finetune

import (
	"math"
	"math/rand/v2"
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
