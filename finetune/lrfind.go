package finetune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/report"
)

// Sweep says how FindRate raises the learning rate. Its defaults are those of
// fastai's lr_find.
type Sweep struct {
	From  float64 // first rate; 0 is 1e-7
	To    float64 // last rate; 0 is 10
	Steps int     // of the optimiser, one a rate; 0 is 100
}

// resolved is s with its defaults, or an error that names what is out of range.
func (s Sweep) resolved() (Sweep, error) {
	def(&s.From, 1e-7)
	def(&s.To, 10)
	def(&s.Steps, 100)
	switch {
	case !(s.From >= 1e-12 && s.From < s.To && s.To <= 1e3):
		return s, fmt.Errorf("--from %g --to %g: wants rising rates from 1e-12 to 1000", s.From, s.To)
	case s.Steps < 20 || s.Steps > 1e5:
		return s, fmt.Errorf("--steps %d: wants a number from 20 to 100000", s.Steps)
	}
	return s, nil
}

// at is the rate of step i = 0 … Steps−1: the same factor between neighbours.
func (s Sweep) at(i int) float64 {
	return s.From * math.Pow(s.To/s.From, float64(i)/float64(s.Steps-1))
}

// RateCurve is the outcome of a learning rate range test (Smith, 2017, Cyclical
// learning rates, section 3.3).
type RateCurve struct {
	Flag      string // what the rates are of: "lr" or "backbone-lr"
	Points    []RatePoint
	Suggested float64 // by valley; 0 where the loss did not fall
	Stopped   string  // why it ended

	steps int // that were asked for
}

// RatePoint is one step.
type RatePoint struct {
	Rate   float64
	Loss   float64 // of the batch, before the step
	Smooth float64 // moving average of the losses so far
}

// Constants of fastai's lr_find.
const (
	smoothing = 0.98 // decay of the average of losses
	explosion = 4    // times the best smooth loss end the sweep
)

// FindRate raises the learning rate from step to step on training images and
// watches the loss. With an unfrozen part the head first learns for one pass at
// its own rate, as in fastai's fine_tune, and then both are swept together, in
// the ratio of the options; the rates told are the backbone's. Validation and
// test images are not read by the network, no run folder is made, and
// what was learnt is thrown away.
func FindRate(ctx context.Context, o Options, s Sweep, p Progress) (c *RateCurve, err error) {
	defer func() {
		if errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%w (the same command sweeps anew; features that were computed are kept)", err)
		}
	}()
	if s, err = s.resolved(); err != nil {
		return nil, err
	}
	if o, err = o.Resolved(); err != nil {
		return nil, err
	}
	src, card, err := openSource(o, p)
	if err != nil {
		return nil, err
	}
	defer src.close()
	d, err := OpenData(ctx, o.Data, p)
	if err != nil {
		return nil, err
	}
	if err := d.everyClass(); err != nil {
		return nil, err
	}
	r := &run{o: o, data: d, src: src, card: card, p: p, trainingOnly: true}
	x, err := extraction{data: d, src: src, p: p, training: true}.extract(ctx, o)
	if err != nil {
		return nil, err
	}
	defer x.close()
	t, err := r.trainer(ctx, x)
	if err != nil {
		return nil, err
	}
	defer t.close()
	return t.sweep(ctx, s, p)
}

// sweep is the range test of the last phase.
func (t *trainer) sweep(ctx context.Context, s Sweep, p Progress) (*RateCurve, error) {
	c := &RateCurve{Flag: "lr", steps: s.Steps}
	ratio := 1.0 // of the rate that is told to the head's
	if len(t.phases) > 1 {
		p.Note(fmt.Sprintf("the head learns for one pass at %g before both are swept", t.o.LearningRate))
		if err := t.headPass(ctx); err != nil {
			return nil, err
		}
		t.state.Phase = len(t.phases) - 1
		if ratio = t.now().options.BodyRate; ratio == 0 {
			return nil, fmt.Errorf("--backbone-lr 0: there is no rate to sweep (leave it out)")
		}
		c.Flag = "backbone-lr"
	}
	if err := t.enter(p); err != nil {
		return nil, err
	}
	p.Begin("raising the learning rate", "steps", s.Steps)
	defer p.End()
	average, best := 0.0, math.Inf(1)
	for i, b := range t.batches(s.Steps, 2) {
		rate := s.at(i)
		loss, err := t.stepOn(ctx, b, rate/ratio)
		if err != nil && (i == 0 || loss == 0) {
			return nil, err
		}
		if err != nil { // with a loss: it, or its gradient, is not finite
			c.Stopped = fmt.Sprintf("the loss or its gradient was no longer finite at %.2g", rate)
			break
		}
		average = smoothing*average + (1-smoothing)*loss
		smooth := average / (1 - math.Pow(smoothing, float64(i+1))) // as Adam corrects its moments
		c.Points = append(c.Points, RatePoint{rate, loss, smooth})
		if best = min(best, smooth); smooth > explosion*best {
			c.Stopped = fmt.Sprintf("the smoothed loss passed %d times its best at %.2g", explosion, rate)
			break
		}
		p.Advance(i + 1)
	}
	if c.Stopped == "" {
		c.Stopped = "all steps were made"
	}
	c.Suggested = c.valley()
	return c, nil
}

// passBatch is a batch, and the pass over the images that it is of.
type passBatch struct {
	images []int
	pass   int
	place  int // of its first image in the pass's order
}

// batches are the first n batches of passes in the order of trainer.epoch,
// beginning with a pass of that number.
func (t *trainer) batches(n, pass int) []passBatch {
	var out []passBatch
	for ; len(out) < n; pass++ {
		order := rand.New(rand.NewPCG(t.o.Seed, uint64(pass))).Perm(len(t.train))
		for lo := 0; lo < len(order) && len(out) < n; lo += t.o.Batch {
			out = append(out, passBatch{order[lo:min(lo+t.o.Batch, len(order))], pass, lo})
		}
	}
	return out
}

// stepOn makes one step on a batch and returns the loss before it.
func (t *trainer) stepOn(ctx context.Context, b passBatch, rate float64) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	x, labels := make([]float32, len(b.images)*t.now().x.rowSize()), make([]int, len(b.images))
	if err := t.read(x, labels, b.images, b.pass); err != nil {
		return 0, err
	}
	return t.step.StepMixed(x, labels, t.mix(x, labels, b.pass, b.place), len(labels), rate)
}

// headPass trains the head alone for one pass at its own rate.
func (t *trainer) headPass(ctx context.Context) error {
	var err error
	if t.step, err = t.now().head.Trainer(t.now().options); err != nil {
		return err
	}
	defer t.leave()
	for _, b := range t.batches(t.steps(), 1) {
		if _, err := t.stepOn(ctx, b, t.o.LearningRate); err != nil {
			return err
		}
	}
	return nil
}

// valley is fastai's suggestion of that name: the rate at the middle of the
// longest falling subsequence of the smooth losses, without the first tenth of
// the steps and the last five. 0 where fewer than three losses fall.
func (c *RateCurve) valley() float64 {
	first, end := c.steps/10, len(c.Points)-5
	if end <= first {
		return 0
	}
	points := c.Points[first:end]
	length := make([]int, len(points)) // of the longest fall that ends there
	last := 0
	for i := range points {
		length[i] = 1
		for j := range i {
			if points[i].Smooth < points[j].Smooth {
				length[i] = max(length[i], length[j]+1)
			}
		}
		if length[i] > length[last] {
			last = i
		}
	}
	if length[last] < 3 {
		return 0
	}
	third := float64(length[last]) / 3
	return points[max(0, last-length[last]+int(third)+int(third/2))].Rate
}

// Write puts the curve into path.csv and path.png.
func (c *RateCurve) Write(path string) error {
	if len(c.Points) < 2 {
		return fmt.Errorf("%s, after %d steps: no curve to draw (a smaller --from)", c.Stopped, len(c.Points))
	}
	t := &report.Table{Columns: []string{"rate", "loss", "smooth_loss"}}
	picture := report.RateTest{Title: "learning rate range test", Rate: "--" + c.Flag, Suggested: c.Suggested}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, p := range c.Points {
		t.Add(number(p.Rate), number(p.Loss), number(p.Smooth))
		picture.Rates, picture.Losses = append(picture.Rates, p.Rate), append(picture.Losses, p.Smooth)
	}
	if err := atomicfile.Write(path+".csv", t.CSV); err != nil {
		return err
	}
	return report.Rates(path+".png", picture)
}

// Summary is the curve for a terminal, about ten rates of it.
func (c *RateCurve) Summary() string {
	t := &report.Table{Columns: []string{"--" + c.Flag, "loss", "smoothed"}}
	for i := 0; i < len(c.Points); i += max(1, len(c.Points)/10) {
		p := c.Points[i]
		t.Add(fmt.Sprintf("%.2e", p.Rate), fmt.Sprintf("%.4f", p.Loss), fmt.Sprintf("%.4f", p.Smooth))
	}
	advice := "no suggestion: the loss did not fall (a smaller --from, or more --steps)"
	if c.Suggested > 0 {
		advice = fmt.Sprintf("suggestion: --%s %.2g (the middle of the longest fall, fastai's \"valley\")", c.Flag, c.Suggested)
	}
	return strings.Join([]string{t.String(), c.Stopped + ".", advice}, "\n")
}
