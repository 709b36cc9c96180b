package finetune

import (
	"fmt"

	"github.com/tlkit/tl/heads"
)

// phase is a stretch of training: what learns, and from which features. There
// is one where the backbone is frozen. With an unfrozen part there are two, as
// in fastai's fine_tune: the head alone on that part's output, which is
// computed once, then both together.
type phase struct {
	name    string // "head" or "unfrozen"
	x       *features
	copies  []*features // of varied training images
	head    *heads.Head
	epochs  int // at most
	plan    schedule
	options heads.TrainOptions
}

// headPhase trains the head alone on features x.
func (t *trainer) headPhase(x *features, h *heads.Head) phase {
	o := t.o
	return phase{name: "head", x: x, head: h, epochs: o.Epochs, plan: t.schedule(o.Epochs, o.Warmup), options: heads.TrainOptions{
		Batch: o.Batch, Accumulate: o.Accumulate, Optimiser: o.Optimiser, WeightDecay: o.WeightDecay, L2: orZero(o.L2), Momentum: orZero(o.Momentum),
		Clip: max(0, o.Clip), EMA: orZero(o.EMA), Mixup: o.Mixup > 0, ClassWeights: t.classWeights(), Threads: o.Threads, Seed: o.Seed,
	}}
}

// unfrozenPhase trains the head with the part of the backbone that it is on,
// from the features x before that.
func (t *trainer) unfrozenPhase(x *features, h *heads.Head) phase {
	o := t.o
	p := t.headPhase(x, h)
	p.name, p.epochs = "unfrozen", o.UnfreezeEpochs
	warmup := o.Warmup
	def(&warmup, 1)
	p.plan = t.schedule(p.epochs, warmup)
	p.plan.rate /= laterHead
	p.options.BodyRate = o.BackboneLR / p.plan.rate
	if o.Clip == 0 {
		p.options.Clip = usualClip
	}
	return p
}

// laterHead divides the head's rate once the backbone learns too: at its full
// rate a head that has learnt loses more in the first epoch than the backbone
// gains (docs/accuracy.md).
const laterHead = 10

// usualClip is the largest norm of the gradient while the backbone learns.
const usualClip = 1

// schedule is the learning rate of a phase of some epochs.
func (t *trainer) schedule(epochs int, warmup float64) schedule {
	return schedule{rate: t.o.LearningRate, warmup: int(warmup * float64(t.steps())), total: epochs * t.steps(), cosine: t.o.Schedule == "cosine"}
}

// now is the phase that training is in.
func (t *trainer) now() *phase { return &t.phases[t.state.Phase] }

// best is the phase that the best epoch was in.
func (t *trainer) best() *phase { return &t.phases[t.state.BestPhase] }

// going reports whether the phase has epochs left that may be better.
func (t *trainer) going() bool {
	inPhase := t.state.Epoch - t.state.Began
	since := t.state.Epoch - max(t.state.Best, t.state.Began)
	return inPhase < t.now().epochs && since < t.o.Patience
}

// stopped says why training ended.
func (t *trainer) stopped() string {
	words := "all epochs were run"
	if t.state.Epoch-t.state.Began < t.now().epochs {
		words = fmt.Sprintf("no gain for %d epochs", t.o.Patience)
	}
	if t.state.Phase > 0 {
		words = fmt.Sprintf("the head alone after %d epochs, the unfrozen phase: %s", t.state.Began, words)
	}
	return words
}

// enter readies the phase's optimiser and says what it takes.
func (t *trainer) enter(p Progress) error {
	if t.step != nil {
		return nil
	}
	now := t.now()
	if b := now.head.Body(); b != nil {
		n, err := now.head.TrainingMemory(now.options)
		if err != nil {
			return err
		}
		if err := fits(n, t.o); err != nil {
			return err
		}
		p.Note(fmt.Sprintf("unfrozen: %d numbers of the backbone learn with the head at rates up to %g and %g; training holds %.0f MiB",
			b.Params(), t.o.BackboneLR, now.plan.rate, float64(n)/(1<<20)))
	}
	var err error
	t.step, err = now.head.Trainer(now.options)
	return err
}

// leave lets the phase's optimiser go.
func (t *trainer) leave() {
	if t.step != nil {
		t.step.Close()
		t.step = nil
	}
}

// next goes on with the next phase from the best weights so far, and reports
// whether there is one.
func (t *trainer) next() (bool, error) {
	if err := t.useBest(); err != nil || t.state.Phase+1 == len(t.phases) {
		return false, err
	}
	t.leave()
	t.state.Phase, t.state.Began, t.state.Step = t.state.Phase+1, t.state.Epoch, 0
	return true, nil
}

// useBest puts the best weights into the network. Where the head alone was
// best, the unfrozen part is the file's again.
func (t *trainer) useBest() error {
	best := t.best()
	for i, p := range best.head.Params() {
		copy(p.Data, t.state.best[i])
	}
	if b := t.phases[len(t.phases)-1].head.Body(); b != nil && best.head.Body() == nil {
		return b.Reset()
	}
	return nil
}

// steps is the number of steps of an epoch.
func (t *trainer) steps() int { return (len(t.train) + t.o.Batch - 1) / t.o.Batch }
