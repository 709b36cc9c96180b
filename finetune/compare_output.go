package finetune

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/metrics"
	"github.com/tlkit/tl/internal/report"
)

// write puts the comparison into its folder: JSON, CSV, ROC picture and page.
func (c *Comparison) write() error {
	page := c.page()
	c.Verdict = page.Verdict()
	if err := writeJSON(filepath.Join(c.Folder, "compare.json"), c); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(c.Folder, "compare.csv"), page.CSV().CSV); err != nil {
		return err
	}
	if c.Folds != nil {
		if err := atomicfile.Write(filepath.Join(c.Folder, "folds.csv"), c.foldTable().CSV); err != nil {
			return err
		}
		for i, a := range c.Arms {
			if err := writeFile(filepath.Join(c.Folder, c.Names[i]+"-"+scoresFile), a.scores()); err != nil {
				return err
			}
		}
	}
	if err := c.roc(); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(c.Folder, reportFile), page.Markdown)
}

// roc draws the curves of all two-class arms into one picture.
func (c *Comparison) roc() error {
	var curves []report.ROCCurve
	for i, a := range c.Arms {
		if e, s := a.last(); e.Metrics != nil {
			m := s.binary()
			curves = append(curves, report.ROCCurve{Name: c.Names[i], Points: metrics.ROC(m.Scores, m.Labels), AUC: e.Metrics.AUC})
		}
	}
	if len(curves) == 0 {
		return nil
	}
	return report.ROC(filepath.Join(c.Folder, "roc.png"), "test images", curves...)
}

// page collects what the report tells.
func (c *Comparison) page() *report.Comparison {
	p := &report.Comparison{Name: filepath.Base(c.Folder), Version: Version, Data: c.Arms[0].page.Data, Primary: "auc"}
	for i, a := range c.Arms {
		e, _ := a.last()
		if i > 0 { // the first one's are there
			p.Data.Warnings = append(slices.Clone(p.Data.Warnings), e.givenLines(a.Model)...)
		}
		arm := report.Arm{Model: a.page.Model, Training: a.page.Training, Evaluation: a.page.Evaluation}
		arm.Model.Name = c.Names[i]
		p.Arms = append(p.Arms, arm)
	}
	for _, pair := range c.Pairs {
		p.Pairs = append(p.Pairs, report.Pair{First: pair.A, Second: pair.B, Difference: pair.Difference})
	}
	if len(c.Arms[0].Classes) == 2 {
		p.Pictures = []report.Picture{{Title: "ROC", File: "roc.png"}}
	}
	return p
}

// Summary is the comparison for a terminal.
func (c *Comparison) Summary() string {
	p := c.page()
	parts := []string{"One split for all arms; figures on its " + p.Arms[0].Evaluation.Split + " images, with 95 % intervals.\n" + c.notes(), p.Table().String()}
	if c.Folds != nil {
		unseen := "it"
		if c.Arms[0].test.data.set.Apart() {
			unseen = "its patient"
		}
		parts = []string{c.foldTable().String(), "All folds together: each image once, by a model that did not see " + unseen + ", called at its fold's threshold; with 95 % intervals.\n" + c.notes(), p.Table().String()}
		parts = append(parts, c.foldMeans()...)
	}
	if len(p.Pairs) > 0 {
		parts = append(parts, "Differences on the same images:", p.PairTable().String())
	}
	for i, a := range c.Arms {
		e, _ := a.last()
		if words := e.givenWords(); words != "" {
			parts = append(parts, c.Names[i]+": "+strings.TrimSpace(words))
		}
	}
	return strings.Join(append(append(parts, c.Verdict...), report.NoDiagnosis, "", "run folder: "+c.Folder), "\n")
}

// notes say where the figures are weak; images and patients are the same in all arms.
func (c *Comparison) notes() string {
	e, _ := c.Arms[0].last()
	return e.notes()
}
