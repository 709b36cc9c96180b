package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/metrics"
)

// everyPatient are the heads that every patient tests once. The second is the
// recipe of the references in docs/accuracy.md as near as tl comes to it, but
// for the few patients that end the training.
func everyPatient() []row {
	few := finetune.DataOptions{Val: 0.05}
	return []row{
		{"default head", finetune.Options{Backbone: *backbone}},
		{"third stage pooled, 128 pixels, more training, threshold 0.5", finetune.Options{Data: few, Backbone: *backbone, Cut: "stage3", Size: 128, Head: "gap", Threshold: "0.5"}},
		{"--head gap", finetune.Options{Backbone: *backbone, Head: "gap"}},
	}
}

// pooled are the figures of all folds together: of every image by the head
// that did not see its patient.
var pooled = []column{
	{"validation AUC", 4, func(o, _ *outcome) float64 { return o.Val.Metrics.AUC.Value }},
	{"accuracy", 4, func(o, _ *outcome) float64 { return accuracy(o) }},
	{"AUC", 4, func(o, _ *outcome) float64 { return auc(o) }},
	{"AUC from", 4, func(o, _ *outcome) float64 { return o.Test.Metrics.AUC.Low }},
	{"AUC to", 4, func(o, _ *outcome) float64 { return o.Test.Metrics.AUC.High }},
	{"mean AUC of the folds", 4, func(o, _ *outcome) float64 { return mean(o.folds, auc) }},
	{"sensitivity", 4, func(o, _ *outcome) float64 { return o.Test.Metrics.Sensitivity.Value }},
	{"specificity", 4, func(o, _ *outcome) float64 { return o.Test.Metrics.Specificity.Value }},
	{"sensitivity at specificity .924", 4, func(o, _ *outcome) float64 { return o.scored.sensitivityAt(0.924) }}, // the reference's
}

// answers are the probabilities of the positive class, of all folds.
type answers metrics.Sample

// sensitivityAt is the share of positives above the score that the given share
// of negatives does not exceed.
func (a answers) sensitivityAt(specificity float64) float64 {
	var negative, positive []float64
	for i, score := range a.Scores {
		if a.Labels[i] {
			positive = append(positive, score)
		} else {
			negative = append(negative, score)
		}
	}
	slices.Sort(negative)
	threshold, above := stat.Quantile(specificity, stat.Empirical, negative, nil), 0
	for _, score := range positive {
		if score > threshold {
			above++
		}
	}
	return float64(above) / float64(len(positive))
}

// mean is the average of a figure over outcomes.
func mean(of []*outcome, figure func(*outcome) float64) float64 {
	sum := 0.0
	for _, o := range of {
		sum += figure(o)
	}
	return sum / float64(len(of))
}

// crossValidated runs o once a fold, with the fold's patients as the test, and
// pools what the folds answered.
func crossValidated(ctx context.Context, o finetune.Options) (*outcome, error) {
	d, _, err := dataset.Scan(ctx, o.Data.Path, dataset.ScanOptions{})
	if err != nil {
		return nil, err
	}
	fold, err := divide(d, *folds, o.Data.Seed)
	if err != nil {
		return nil, err
	}
	p := &pool{}
	name := o.Name
	o.Data.Path, o.Data.Root, o.Data.Split = filepath.Join(o.Runs, name+".csv"), d.Root, "given"
	for k := range *folds {
		for i := range d.Items {
			d.Items[i].Split = dataset.Train
			if fold[i] == k {
				d.Items[i].Split = dataset.Test
			}
		}
		if err := d.SaveManifest(o.Data.Path); err != nil {
			return nil, err
		}
		o.Name = fmt.Sprintf("%s-%d", name, k)
		out, err := finetune.Run(ctx, o, finetune.Silent{})
		if err == nil {
			err = p.add(out)
		}
		if err != nil {
			return nil, fmt.Errorf("fold %d: %w", k, err)
		}
		os.RemoveAll(out.Folder)
	}
	return p.outcome()
}

// divide gives every picture a fold from 0 to k-1. No patient is in two, and
// folds have about as many pictures of each class.
func divide(d *dataset.Dataset, k int, seed uint64) ([]int, error) {
	fold := make([]int, len(d.Items))
	for part := range k - 1 { // the last takes what is left
		rest := *d
		rest.Items = nil
		var at []int
		for i, it := range d.Items {
			if fold[i] == 0 {
				rest.Items, at = append(rest.Items, it), append(at, i)
			}
		}
		if _, err := rest.Assign(dataset.SplitOptions{Rule: "group", Test: 1 / float64(k-part), Seed: seed}); err != nil {
			return nil, err
		}
		for _, i := range rest.Indices(dataset.Test) {
			fold[at[i]] = part + 1
		}
	}
	return fold, nil
}

// pool collects what folds answered about their test images.
type pool struct {
	folds  []*outcome
	scored metrics.Sample // probabilities
	called metrics.Sample // 1 from the fold's own threshold on, else 0
}

// add reads the test images of a finished run.
func (p *pool) add(out *finetune.Outcome) error {
	p.folds = append(p.folds, &outcome{Outcome: out})
	f, err := os.Open(filepath.Join(out.Folder, "predictions.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	at := func(column string) int { return slices.Index(rows[0], column) }
	split, group, label, probability := at("split"), at("group"), at("label"), at("p_"+out.Positive)
	for _, r := range rows[1:] {
		if r[split] != dataset.Test.String() {
			continue
		}
		score, err := strconv.ParseFloat(r[probability], 64)
		if err != nil {
			return err
		}
		call := 0.0
		if score >= out.Test.Threshold.Threshold {
			call = 1
		}
		p.scored.Scores, p.called.Scores = append(p.scored.Scores, score), append(p.called.Scores, call)
		p.scored.Labels = append(p.scored.Labels, r[label] == out.Positive)
		p.scored.Groups = append(p.scored.Groups, r[group])
	}
	return nil
}

// outcome measures the folds' answers as if one head had given them: rates of
// the calls, areas of the probabilities.
func (p *pool) outcome() (*outcome, error) {
	p.called.Labels, p.called.Groups = p.scored.Labels, p.scored.Groups
	m, err := metrics.Evaluate(p.called, 0.5, metrics.Options{})
	if err != nil {
		return nil, err
	}
	scored, err := metrics.Evaluate(p.scored, 0.5, metrics.Options{})
	if err != nil {
		return nil, err
	}
	m.AUC = scored.AUC
	val := mean(p.folds, func(o *outcome) float64 { return o.Val.Metrics.AUC.Value })
	return &outcome{folds: p.folds, scored: answers(p.scored), Outcome: &finetune.Outcome{
		Val:  &finetune.Evaluation{Metrics: &finetune.Metrics{AUC: finetune.Figure{Value: val}}},
		Test: &finetune.Evaluation{Metrics: m},
	}}, nil
}
