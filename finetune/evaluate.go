package finetune

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/metrics"
	"github.com/tlkit/tl/internal/report"
)

// The figures of an evaluation, as package metrics defines them.
type (
	// Metrics are the figures of a two-class model, each with its interval.
	Metrics = metrics.Result
	// MultiMetrics are the figures of a model of more than two classes.
	MultiMetrics = metrics.MultiResult
	// Threshold is the chosen threshold and how it was chosen.
	Threshold = metrics.Choice
	// Group is one patient's row of the per-patient table.
	Group = metrics.Group
	// Difference is how two models differ on the same images.
	Difference = metrics.Difference
	// Figure is a number with its interval.
	Figure = metrics.Value
)

// Evaluation is how good a model is on one set of images. Either Metrics or
// Multi is set.
type Evaluation struct {
	Images    string        `json:"images"` // which images: "val", "test" or a path
	Metrics   *Metrics      `json:"metrics,omitempty"`
	Multi     *MultiMetrics `json:"multi,omitempty"`
	PerGroup  []Group       `json:"per_group,omitempty"`
	Threshold Threshold     `json:"threshold"`

	Corrections string      `json:"corrections,omitempty"` // what --corrections did to the data, in words
	Given       *Evaluation `json:"given,omitempty"`       // by the labels before; nil where none of these changed
	LeftOut     int         `json:"left_out,omitempty"`    // of these images; they are in neither figure
}

// Outcome is what a run found and made. It is the content of result.json.
type Outcome struct {
	Folder     string          `json:"folder"`
	Model      string          `json:"model"` // e.g. "head on resnet50 (stage3, 128×128)"
	Classes    []string        `json:"classes"`
	Positive   string          `json:"positive,omitempty"`
	Card       *backbones.Card `json:"card,omitempty"`
	Precision  *Precision      `json:"precision,omitempty"` // of the features; nil for the baseline
	Trainable  int64           `json:"trainable_parameters"`
	Frozen     int64           `json:"frozen_parameters"`
	Epochs     int             `json:"epochs"`
	BestEpoch  int             `json:"best_epoch"`
	Val        *Evaluation     `json:"val"`
	Test       *Evaluation     `json:"test,omitempty"` // nil when the split has no test images
	Warnings   []string        `json:"warnings,omitempty"`
	Seconds    float64         `json:"seconds"` // all of it, since the data were read
	PeakMemory int64           `json:"peak_memory_bytes"`

	ExtractSeconds float64 `json:"extract_seconds"`
	TrainSeconds   float64 `json:"train_seconds"`

	val, test *scored
	stopped   string // why training ended, in words
	noGain    string // what is kept where unfreezing brought nothing, in words
	page      *report.Run
}

// finish scores validation and test images with the best weights, chooses the
// threshold on validation and exports the model.
func (r *run) finish(ctx context.Context, t *trainer) (*Outcome, error) {
	r.p.Note("evaluating")
	out := &Outcome{Folder: r.folder.Path, Model: r.modelName(), Classes: r.data.labelNames(), Card: r.card,
		Epochs: t.state.Epoch, BestEpoch: t.state.Best, Warnings: r.data.Warnings}
	out.Trainable, out.Frozen = r.parameters(t)
	out.stopped = t.stopped()
	if t.state.BestPhase < t.state.Phase {
		out.noGain = fmt.Sprintf("kept is the head of epoch %d, on the backbone as it was", t.state.Best)
		r.p.Warn("unfreezing brought no gain on the validation images: " + out.noGain)
	}
	if r.card != nil {
		p := r.precision // a copy: the run and its engine are let go
		out.Precision = &p
	}
	if p := r.data.set.Positive; p >= 0 {
		out.Positive = r.data.set.Classes[p]
	}
	var err error
	if out.val, err = score(ctx, r.data, t.best().x, t.best().head, t.val); err != nil {
		return nil, err
	}
	choice, err := out.val.choose(r.o.Threshold)
	if err != nil {
		return nil, err
	}
	if out.Val, err = out.val.evaluate("val", choice); err != nil {
		return nil, err
	}
	if test := r.data.set.Indices(dataset.Test); len(test) > 0 {
		if out.test, err = score(ctx, r.data, t.best().x, t.best().head, test); err != nil {
			return nil, err
		}
		if out.Test, err = out.test.evaluate("test", choice); err != nil {
			return nil, err
		}
		if err := out.test.tellCorrections(out.Test, dataset.Test); err != nil {
			return nil, err
		}
	}
	return out, r.export(r.folder.file(modelFile), t, choice)
}

// choose picks the threshold by the rule on these scores; it has no meaning
// for more than two classes.
func (s *scored) choose(rule string) (Threshold, error) {
	parsed, err := metrics.ParseRule(rule)
	if err != nil || s.classes() > 2 {
		return Threshold{}, err
	}
	m := s.binary()
	return metrics.Choose(parsed, m.Scores, m.Labels)
}

func (s *scored) classes() int { return len(s.data.Classes()) }

// evaluate measures the scores at a threshold. All intervals are drawn from one
// seed, so that a model has the same ones wherever it is evaluated.
func (s *scored) evaluate(images string, choice Threshold) (*Evaluation, error) {
	e := &Evaluation{Images: images, Threshold: choice}
	o := metrics.Options{}
	var err error
	if s.classes() > 2 {
		e.Multi, err = metrics.EvaluateMulti(s.multi(), o)
		return e, err
	}
	m := s.binary()
	if e.Metrics, err = metrics.Evaluate(m, choice.Threshold, o); err != nil {
		return nil, err
	}
	if m.Groups != nil {
		e.PerGroup = metrics.ByGroup(m, choice.Threshold)
	}
	return e, nil
}

// multi returns the sample of a problem of any number of classes.
func (s *scored) multi() metrics.MultiSample {
	m := metrics.MultiSample{Labels: s.labels, Classes: s.data.labelNames(), Groups: s.groups()}
	for _, p := range s.prob {
		m.Probs = append(m.Probs, p...)
	}
	return m
}

// groups returns the patient of each item, nil where they are not known.
func (s *scored) groups() []string {
	if s.data.set.GroupRule == "" {
		return nil
	}
	out := make([]string, len(s.items))
	for i, k := range s.items {
		out[i] = s.data.set.Items[k].Group
	}
	return out
}

// binary returns the sample of a two-class problem.
func (s *scored) binary() metrics.Sample {
	m := metrics.Sample{Scores: make([]float64, len(s.items)), Labels: make([]bool, len(s.items)), Groups: s.groups(), Called: s.called}
	for i := range s.items {
		m.Scores[i], m.Labels[i] = s.prob[i][1], s.labels[i] == 1
	}
	return m
}

// loss is the mean cross-entropy, without class weights.
func (s *scored) loss() float64 {
	sum := 0.0
	for i, p := range s.prob {
		sum += logLoss(p[s.labels[i]])
	}
	return sum / float64(len(s.prob))
}

// logLoss is the cross-entropy of an image whose class has the probability p,
// clipped as scikit-learn does.
func logLoss(p float64) float64 { return -math.Log(max(1e-15, p)) }

// accuracy is the share of images whose most probable class is theirs.
func (s *scored) accuracy() float64 {
	right := 0
	for i, p := range s.prob {
		if likeliest(p) == s.labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(s.prob))
}

// likeliest returns the most probable class: the positive of two from 0.5 on,
// else the first of equals.
func likeliest(p []float64) int {
	if len(p) == 2 && p[1] >= 0.5 {
		return 1
	}
	best := 0
	for c := range p {
		if p[c] > p[best] {
			best = c
		}
	}
	return best
}

// auc is the area under the ROC curve: of the positive class, or the mean over
// the classes against the rest. It is 0.5 where one class has no image.
func (s *scored) auc() float64 {
	first, sum := 0, 0.0
	if s.classes() == 2 {
		first = 1
	}
	for c := first; c < s.classes(); c++ {
		scores, labels := make([]float64, len(s.prob)), make([]bool, len(s.prob))
		for i, p := range s.prob {
			scores[i], labels[i] = p[c], s.labels[i] == c
		}
		if a := metrics.AUC(scores, labels); !math.IsNaN(a) {
			sum += a
		} else {
			sum += 0.5
		}
	}
	return sum / float64(s.classes()-first)
}

// byPath orders the items of s for printing.
func (s *scored) byPath() []int {
	order := make([]int, len(s.items))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Compare(s.data.set.Items[s.items[a]].Path, s.data.set.Items[s.items[b]].Path)
	})
	return order
}
