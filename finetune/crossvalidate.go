package finetune

import (
	"context"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/report"
)

// Fold is one fold of a cross-validation: a run whose test images are those of
// patients that no other fold tests.
type Fold struct {
	Arm         string  `json:"arm"`
	Fold        int     `json:"fold"` // from 1
	Folder      string  `json:"folder"`
	Images      int     `json:"images"` // tested
	Groups      int     `json:"groups"` // patients among them, 0 where they are not known
	BestEpoch   int     `json:"best_epoch"`
	Threshold   float64 `json:"threshold"` // chosen on the fold's validation images
	ValAUC      float64 `json:"val_auc"`
	Accuracy    float64 `json:"accuracy"` // at that threshold
	Sensitivity float64 `json:"sensitivity"`
	Specificity float64 `json:"specificity"`
	AUC         float64 `json:"auc"`
}

// CrossValidate divides the patients into folds and runs every arm once for
// each: with the fold's patients as the test, some others for validation and
// the rest for training. What the folds answered about their own test images is
// put together, so that each image counts once, called at its fold's threshold;
// arms are compared on those answers, paired by image and patient.
//
// Each fold is a run in a folder of its own inside the cross-validation's. Those
// that are finished are not trained again, so that it can be gone on with by
// giving it the name of its folder.
func CrossValidate(ctx context.Context, data DataOptions, folds int, runs, name string, arms []Arm, p Progress) (*Comparison, error) {
	def(&runs, "runs")
	arms, err := named(arms)
	if err != nil {
		return nil, err
	}
	data.Folds, data.Fold = folds, 1
	if err := checkArms(arms, data); err != nil {
		return nil, err
	}
	found, err := scan(ctx, data, p)
	if err != nil {
		return nil, err
	}
	if _, err := found.split(data); err != nil { // before there is a folder
		return nil, err
	}
	f, err := foldersFolder(runs, name, "compare")
	if err != nil {
		return nil, err
	}
	defer f.close()
	c := &Comparison{Folder: f.Path}
	for _, a := range arms {
		outs, err := crossValidateArm(ctx, found, data, f.Path, a, p)
		if err != nil {
			return nil, armFailed(f, a, err)
		}
		pooled, err := pool(outs)
		if err != nil {
			return nil, err
		}
		c.Names, c.Arms = append(c.Names, a.Name), append(c.Arms, pooled)
		for k, out := range outs {
			c.Folds = append(c.Folds, foldOf(a.Name, k+1, out))
		}
	}
	if err := c.pair(); err != nil {
		return nil, err
	}
	return c, c.write()
}

// crossValidateArm runs or resumes every fold of one arm.
func crossValidateArm(ctx context.Context, found *Data, data DataOptions, folder string, a Arm, p Progress) (outs []*Outcome, err error) {
	base := a.Name
	for data.Fold = 1; data.Fold <= data.Folds; data.Fold++ {
		a.Name = fmt.Sprintf("%s-fold%d", base, data.Fold)
		p.Note("")
		p.Note(fmt.Sprintf("── %s, fold %d of %d ──", base, data.Fold, data.Folds))
		d, err := found.split(data)
		if err != nil {
			return nil, err
		}
		out, err := runArm(ctx, d, data, folder, a, p, (*run).steps)
		if err != nil {
			return nil, err
		}
		outs = append(outs, out)
	}
	return outs, nil
}

// pool is the outcome of all folds of an arm together. Times add up.
func pool(outs []*Outcome) (*Outcome, error) {
	out, page := *outs[0], *outs[0].page
	s := &scored{data: outs[0].test.data}
	out.val, out.Val, out.Warnings = nil, nil, nil
	out.Seconds, out.ExtractSeconds, out.TrainSeconds = 0, 0, 0
	var thresholds []float64
	for _, o := range outs {
		t := o.Test.Threshold.Threshold
		thresholds = append(thresholds, t)
		s.items, s.labels, s.prob = append(s.items, o.test.items...), append(s.labels, o.test.labels...), append(s.prob, o.test.prob...)
		for _, p := range o.test.prob {
			s.called = append(s.called, p[len(p)-1] >= t)
		}
		out.Seconds, out.ExtractSeconds, out.TrainSeconds = out.Seconds+o.Seconds, out.ExtractSeconds+o.ExtractSeconds, out.TrainSeconds+o.TrainSeconds
		out.PeakMemory, out.Epochs = max(out.PeakMemory, o.PeakMemory), max(out.Epochs, o.Epochs)
	}
	s.sort()
	if len(out.Classes) > 2 {
		s.called = nil
	}
	choice := Threshold{Rule: fmt.Sprintf("%s, in each of the %d folds; this is the mean", outs[0].Test.Threshold.Rule, len(outs)), Threshold: stat.Mean(thresholds, nil)}
	var err error
	out.test = s
	if out.Test, err = s.evaluate("out-of-fold", choice); err != nil {
		return nil, err
	}
	if err := s.tellCorrections(out.Test, dataset.Unassigned); err != nil {
		return nil, err
	}
	page.Data = pooledFacts(page.Data, s)
	page.Evaluation = report.Evaluation{Split: out.Test.Images, Choice: choice, Result: out.Test.Metrics, Multi: out.Test.Multi, Groups: out.Test.PerGroup}
	page.Training.Peak, page.Training.Extraction, page.Training.Seconds = out.PeakMemory, out.ExtractSeconds, out.TrainSeconds
	out.page = &page
	out.tellGiven()
	return &out, nil
}

// pooledFacts says of the images that every one is tested once.
func pooledFacts(d report.Data, s *scored) report.Data {
	unit := "image"
	if s.data.set.Apart() {
		unit = d.GroupWord
	}
	all := report.Split{Name: "out-of-fold", Images: len(s.items)}
	if d.GroupRule != "" {
		all.Groups = len(s.data.groups(s.items))
	}
	for _, l := range s.labels {
		if l > 0 {
			all.Positives++
		}
	}
	d.SplitRule, d.Splits, d.Warnings = "folds: each "+unit+" is tested once, by a model that did not see it", []report.Split{all}, s.data.correctedWords()
	return d
}

// sort puts the answers into the order of the items, which is the same for
// every arm.
func (s *scored) sort() {
	order := make([]int, len(s.items))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return s.items[a] - s.items[b] })
	from := *s
	s.items, s.labels, s.prob, s.called = nil, nil, nil, nil
	for _, i := range order {
		s.items, s.labels, s.prob, s.called = append(s.items, from.items[i]), append(s.labels, from.labels[i]), append(s.prob, from.prob[i]), append(s.called, from.called[i])
	}
}

func foldOf(arm string, k int, o *Outcome) Fold {
	f := Fold{Arm: arm, Fold: k, Folder: o.Folder, Images: len(o.test.items), BestEpoch: o.BestEpoch, Threshold: o.Test.Threshold.Threshold,
		ValAUC: o.val.auc(), Accuracy: o.test.accuracy(), AUC: o.test.auc()}
	if o.test.data.set.GroupRule != "" {
		f.Groups = len(o.test.data.groups(o.test.items))
	}
	if m := o.Test.Metrics; m != nil {
		f.Accuracy, f.Sensitivity, f.Specificity = m.Accuracy.Value, m.Sensitivity.Value, m.Specificity.Value
	}
	return f
}

// foldTable shows every fold, and of each arm the mean ± the standard deviation
// over its folds.
func (c *Comparison) foldTable() *report.Table {
	t := &report.Table{Columns: []string{"fold", "images", "patients", "validation AUC", "accuracy", "sensitivity", "specificity", "AUC"}}
	for _, arm := range c.Names {
		figures := make([][]float64, 5)
		for _, f := range c.Folds {
			if f.Arm != arm {
				continue
			}
			row := []string{fmt.Sprintf("%s %d", arm, f.Fold), report.Count(f.Images), report.Count(f.Groups)}
			for i, x := range []float64{f.ValAUC, f.Accuracy, f.Sensitivity, f.Specificity, f.AUC} {
				figures[i] = append(figures[i], x)
				row = append(row, fmt.Sprintf("%.4f", x))
			}
			t.Add(row...)
		}
		row := []string{arm + " mean ± sd", "", ""}
		for _, x := range figures {
			mean, sd := stat.MeanStdDev(x, nil)
			row = append(row, fmt.Sprintf("%.4f ± %.4f", mean, sd))
		}
		t.Add(row...)
	}
	return t
}

// foldMeans are lines that name both ways to put the folds' AUC together.
func (c *Comparison) foldMeans() []string {
	var out []string
	for i, arm := range c.Names {
		var auc []float64
		for _, f := range c.Folds {
			if f.Arm == arm {
				auc = append(auc, f.AUC)
			}
		}
		out = append(out, fmt.Sprintf("%s: AUC %.4f pooled over the probabilities of all folds, %.4f as the mean of the folds' own.", arm, c.Arms[i].test.auc(), stat.Mean(auc, nil)))
	}
	return out
}
