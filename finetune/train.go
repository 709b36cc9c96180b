package finetune

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tlkit/tl/heads"
)

// Epoch is the outcome of one pass over the training images.
type Epoch struct {
	Epoch        int     `json:"epoch"`         // 1, 2, …
	Phase        string  `json:"phase"`         // "head": all of the backbone is frozen; "unfrozen": its last part learns too
	LearningRate float64 `json:"learning_rate"` // of the head, at the first step
	TrainLoss    float64 `json:"train_loss"`    // mean over the steps, dropout on
	ValLoss      float64 `json:"val_loss"`
	ValAccuracy  float64 `json:"val_accuracy"` // at 0.5, or the largest class
	ValAUC       float64 `json:"val_auc"`      // macro one-vs-rest for more than two classes
	Best         bool    `json:"best"`         // the best so far by the monitored metric
	Seconds      float64 `json:"seconds,omitempty"`
}

// trainer is one training: what learns, what it learns from, and how far it is.
type trainer struct {
	o     Options
	data  *Data
	train []int // items
	val   []int

	phases []phase
	owned  []*features    // closed with t
	step   *heads.Trainer // of the phase that it is in; nil before
	state  state
	log    []Epoch // the history with seconds
}

// state is what a checkpoint keeps beside the arrays.
type state struct {
	Settings string `json:"settings"` // these three digests decide the result
	Features string `json:"features"` // key of the features: backbone, arithmetic, size
	Images   string `json:"images"`   // and their classes and split

	Phase     int     `json:"phase"`      // 0, 1, … of trainer.phases
	Began     int     `json:"began"`      // epochs finished before it
	Epoch     int     `json:"epoch"`      // finished epochs of all phases
	Step      int     `json:"step"`       // finished optimiser steps of this phase
	Best      int     `json:"best"`       // epoch of the best monitor; 0 none
	BestPhase int     `json:"best_phase"` // the phase that it was in
	Monitor   float64 `json:"monitor"`
	History   []Epoch `json:"history"`

	best [][]float32 // parameters of that phase's network at Best
}

// fit trains until the epochs are done or the monitor stopped improving, then
// puts the best weights back. It saves a checkpoint after each epoch.
func (t *trainer) fit(ctx context.Context, f *Folder, p Progress) error {
	past, err := f.readLog()
	if err != nil {
		p.Warn(fmt.Sprintf("%v: the log is written anew, but for how long those epochs took", err))
	}
	t.log = withSeconds(t.state.History, past)
	if err := f.writeLog(t.log); err != nil {
		return err
	}
	for more := true; more; {
		if err := t.enter(p); err != nil {
			return err
		}
		for t.going() {
			if err := t.oneEpoch(ctx, f, p); err != nil {
				return err
			}
		}
		if more, err = t.next(); err != nil {
			return err
		}
	}
	return nil
}

// oneEpoch trains for an epoch and keeps what it gave.
func (t *trainer) oneEpoch(ctx context.Context, f *Folder, p Progress) error {
	start := time.Now()
	e, err := t.epoch(ctx)
	if err != nil {
		return err
	}
	if err := t.save(f); err != nil {
		return err
	}
	e.Seconds = time.Since(start).Seconds()
	t.log = append(t.log, e)
	if err := f.writeLog(t.log); err != nil {
		return err
	}
	p.Epoch(e)
	return nil
}

// close lets the threads go.
func (t *trainer) close() {
	t.leave()
	for _, p := range t.phases {
		p.head.Close()
	}
	closeAll(t.owned)
}

// epoch makes one pass over the training images in an order that the seed and
// the epoch's number decide, so that a resumed run sees the same batches.
func (t *trainer) epoch(ctx context.Context) (Epoch, error) {
	now := t.now()
	e := Epoch{Epoch: t.state.Epoch + 1, Phase: now.name, LearningRate: now.plan.at(t.state.Step)}
	order := rand.New(rand.NewPCG(t.o.Seed, uint64(e.Epoch))).Perm(len(t.train))
	row := now.x.rowSize()
	x := make([]float32, t.o.Batch*row)
	labels := make([]int, t.o.Batch)
	images := 0
	for lo := 0; lo < len(order); lo += t.o.Batch {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		batch := order[lo:min(lo+t.o.Batch, len(order))]
		if err := t.read(x, labels, batch, e.Epoch); err != nil {
			return e, err
		}
		mix := t.mix(x[:len(batch)*row], labels[:len(batch)], e.Epoch, lo)
		loss, err := t.step.StepMixed(x[:len(batch)*row], labels[:len(batch)], mix, len(batch), now.plan.at(t.state.Step))
		if err != nil {
			return e, err
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return e, fmt.Errorf("epoch %d: the loss is %g at step %d: training diverged (a smaller --lr helps)", e.Epoch, loss, t.state.Step)
		}
		e.TrainLoss += loss * float64(len(batch))
		images += len(batch)
		t.state.Step++
	}
	e.TrainLoss /= float64(images)
	return e, t.step.Averaged(func() error { // the averages are what is kept, where there are any
		if err := t.validate(ctx, &e); err != nil {
			return err
		}
		t.record(&e)
		return nil
	})
}

// validate fills the validation figures of e.
func (t *trainer) validate(ctx context.Context, e *Epoch) error {
	s, err := score(ctx, t.data, t.now().x, t.now().head, t.val)
	if err != nil {
		return err
	}
	e.ValLoss, e.ValAccuracy, e.ValAUC = s.loss(), s.accuracy(), s.auc()
	return nil
}

// record counts the finished epoch and keeps the weights if they are the best.
func (t *trainer) record(e *Epoch) {
	t.state.Epoch = e.Epoch
	m := map[string]float64{"loss": -e.ValLoss, "auc": e.ValAUC, "accuracy": e.ValAccuracy}[t.o.Monitor]
	if t.state.Best == 0 || m > t.state.Monitor {
		e.Best = true
		t.state.Best, t.state.BestPhase, t.state.Monitor = e.Epoch, t.state.Phase, m
		t.state.best = t.state.best[:0]
		for _, p := range t.now().head.Params() {
			t.state.best = append(t.state.best, append([]float32(nil), p.Data...))
		}
	}
	t.state.History = append(t.state.History, *e)
}

// classWeights returns a weight for each label, or nil for none: "auto" is
// n / (K · count), scikit-learn's "balanced".
func (t *trainer) classWeights() []float64 {
	if t.o.ClassWeight != "auto" {
		return nil
	}
	counts := make([]float64, len(t.data.Classes()))
	for _, i := range t.train {
		counts[t.data.label(i)]++
	}
	for k, c := range counts {
		counts[k] = float64(len(t.train)) / (float64(len(counts)) * max(1, c))
	}
	return counts
}

// scored holds the probabilities of some items.
type scored struct {
	data   *Data
	items  []int
	labels []int
	prob   [][]float64 // (n, K): one probability a class, in the order of labels
	called []bool      // (n): the call, where folds had thresholds of their own; else nil
}

// score runs the head over the cached features of items.
func score(ctx context.Context, d *Data, x *features, h *heads.Head, items []int) (*scored, error) {
	const batch = 64
	out := h.Outputs()
	in, logits := make([]float32, batch*x.rowSize()), make([]float32, batch*out)
	s := &scored{data: d, items: items, labels: d.labels(items)}
	for lo := 0; lo < len(items); lo += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := items[lo:min(lo+batch, len(items))]
		for i, k := range part {
			if err := x.read(in[i*x.rowSize():][:x.rowSize()], d.set.Items[k].SHA256); err != nil {
				return nil, err
			}
		}
		if err := h.Logits(ctx, logits[:len(part)*out], in[:len(part)*x.rowSize()], len(part)); err != nil {
			return nil, err
		}
		for i := range part {
			s.prob = append(s.prob, probabilities(logits[i*out:][:out]))
		}
	}
	return s, nil
}

// probabilities turns one logit into the two of a sigmoid, K into a softmax.
func probabilities(logits []float32) []float64 {
	if len(logits) == 1 {
		p := 1 / (1 + math.Exp(-float64(logits[0])))
		return []float64{1 - p, p}
	}
	top := float64(logits[0])
	for _, z := range logits {
		top = max(top, float64(z))
	}
	out, sum := make([]float64, len(logits)), 0.0
	for i, z := range logits {
		out[i] = math.Exp(float64(z) - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
