package finetune

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/report"
)

// page writes report.md.
func (r *run) page(out *Outcome) error {
	pictures := []report.Picture{{Title: "Learning curves", File: "curves.png"}, {Title: "Confusion matrix", File: "confusion.png"}}
	if len(out.Classes) == 2 {
		pictures = append(pictures, report.Picture{Title: "ROC", File: "roc.png"}, report.Picture{Title: "Precision and recall", File: "precision-recall.png"},
			report.Picture{Title: "Reliability", File: "reliability.png"})
	}
	e, _ := out.last()
	out.page = &report.Run{
		Name: filepath.Base(r.folder.Path), Version: Version, Data: r.data.facts(), Model: r.modelFacts(out), Training: r.trainingFacts(out),
		Evaluation: report.Evaluation{Split: e.Images, Choice: e.Threshold, Result: e.Metrics, Multi: e.Multi, Groups: e.PerGroup},
		Pictures:   pictures,
	}
	out.tellGiven()
	return atomicfile.Write(r.folder.file(reportFile), out.page.Markdown)
}

// tellGiven puts on the page what corrections did to the figures.
func (out *Outcome) tellGiven() {
	e, _ := out.last()
	out.page.Data.Warnings = append(out.page.Data.Warnings, e.givenLines(out.Model)...)
}

// facts says which images a page speaks of.
func (d *Data) facts() report.Data {
	out := report.Data{
		Name: filepath.Base(d.set.Root), Classes: d.labelNames(), PositiveWhy: d.set.PositiveWhy, GroupWord: "patient",
		GroupRule: d.set.GroupRule, SplitRule: d.set.SplitRule, Seed: d.set.Seed, Digest: d.set.Digest(),
		Generated: d.generated, Warnings: slices.Concat(d.Warnings, d.correctedWords()),
	}
	if d.set.Positive >= 0 {
		out.Positive = d.set.Classes[d.set.Positive]
	}
	for _, s := range []dataset.Split{dataset.Train, dataset.Val, dataset.Test} {
		idx := d.set.Indices(s)
		split := report.Split{Name: s.String(), Images: len(idx)}
		if d.set.GroupRule != "" {
			split.Groups = len(d.groups(idx))
		}
		for _, i := range idx {
			if d.label(i) > 0 {
				split.Positives++
			}
		}
		out.Splits = append(out.Splits, split)
	}
	return out
}

// modelFacts says what was trained.
func (r *run) modelFacts(out *Outcome) report.Model {
	m := report.Model{Name: out.Model, Baseline: r.card == nil, Size: r.src.size(), Preproc: "v / 255", Head: headWords(r.o),
		Trainable: int(out.Trainable), Frozen: int(out.Frozen)}
	if c := r.card; c != nil {
		m.Backbone, m.Digest, m.Cut, m.Features = filepath.Base(c.File), c.Digest, c.CutName, fmt.Sprint(c.Feature)
		m.Preproc = fmt.Sprintf("%s (%s)", preprocessWords(c.Preprocess), c.PreprocessWhy)
		m.Precision = r.precision.String()
		if r.precision.Name != "f32" {
			m.Precision += "; the exported model computes in f32"
		}
		m.Licence, m.Source, m.Untrained = c.Licence, c.Source, c.Untrained
		if u := c.Unfrozen; u != nil {
			m.Unfrozen, m.NoGain = "from "+u.Name+" on", out.noGain
		}
	}
	return m
}

// preprocessWords says how a pixel v from 0 to 255 becomes a number.
func preprocessWords(p backbones.Preprocess) string {
	return fmt.Sprintf("%s: (v / %.4g - mean) / sd in %s, mean %v, sd %v", p.Name, 1/p.Scale, p.Order, p.Mean, p.Std)
}

// poolKind is the pooling before the head as operators, "" for none.
func poolKind(o Options) string {
	return map[string]string{"gap": "GlobalAveragePool", "avgmax": "GlobalAveragePool and GlobalMaxPool"}[o.Head]
}

// headWords says the trainable layers in words.
func headWords(o Options) string {
	if o.Model == "baseline" {
		dropout := ""
		if p := orZero(o.Dropout); p > 0 {
			dropout = fmt.Sprintf(", Dropout %g", p)
		}
		return "2 × [Conv 16 3×3, ReLU, MaxPool 2" + dropout + "] → Flatten → Dense 128 → ReLU → Dense"
	}
	var parts []string
	if kind := poolKind(o); kind != "" {
		parts = append(parts, kind)
	}
	parts = append(parts, "Flatten")
	if o.Hidden > 0 {
		parts = append(parts, fmt.Sprintf("Dense %d → ReLU", o.Hidden))
	}
	return strings.Join(append(parts, "Dense"), " → ")
}

// trainingFacts says how it was trained.
func (r *run) trainingFacts(out *Outcome) report.Training {
	rates := fmt.Sprintf("%s, learning rate %g, %s", r.o.Optimiser, r.o.LearningRate, r.o.Schedule)
	if r.card != nil && r.card.Unfrozen != nil {
		rates += fmt.Sprintf("; unfrozen: the head at %g, the backbone at %g", r.o.LearningRate/laterHead, r.o.BackboneLR)
	}
	if ema := orZero(r.o.EMA); ema > 0 {
		rates += fmt.Sprintf("; moving average of the weights %g", ema)
	}
	return report.Training{
		Epochs: out.Epochs, Best: out.BestEpoch, Monitor: "validation " + r.o.Monitor, Stopped: out.stopped, Optimiser: rates,
		Batch: r.o.Batch, Seed: r.o.Seed, Seconds: out.TrainSeconds, Extraction: out.ExtractSeconds, Peak: out.PeakMemory,
	}
}
