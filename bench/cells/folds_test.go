package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/metrics"
)

// Every picture is in one fold, with all of its patient's, and folds are even.
func TestDivide(t *testing.T) {
	const patients, pictures, k = 30, 20, 5
	d := &dataset.Dataset{Classes: []string{"a", "b"}, GroupRule: "made up"}
	for p := range patients {
		for i := range pictures {
			d.Items = append(d.Items, dataset.Item{Class: i % 2, Group: fmt.Sprint(p), SHA256: fmt.Sprintf("%d/%d", p, i)})
		}
	}
	fold, err := divide(d, k, 1)
	if err != nil {
		t.Fatal(err)
	}
	of, size := map[string]int{}, make([]int, k)
	for i, it := range d.Items {
		if f, ok := of[it.Group]; ok && f != fold[i] {
			t.Errorf("patient %s is in the folds %d and %d", it.Group, f, fold[i])
		}
		of[it.Group] = fold[i]
		size[fold[i]]++
	}
	for f, n := range size {
		if n != patients*pictures/k {
			t.Errorf("fold %d has %d pictures, want %d", f, n, patients*pictures/k)
		}
	}
	if other, _ := divide(d, k, 2); fmt.Sprint(other) == fmt.Sprint(fold) {
		t.Error("another seed divides alike")
	}
}

// Calls are made at each fold's own threshold, validation answers left out.
func TestPool(t *testing.T) {
	p := &pool{}
	for _, f := range []struct {
		threshold float64
		rows      string
	}{
		{0.5, "test,a,1,sick,0.4,0.6\ntest,b,1,well,0.9,0.1\nval,c,2,well,0.1,0.9\n"},
		{0.9, "test,c,2,well,0.2,0.8\ntest,d,3,sick,0.3,0.7\n"},
	} {
		out := &finetune.Outcome{Folder: t.TempDir(), Positive: "sick",
			Val:  &finetune.Evaluation{Metrics: &finetune.Metrics{}},
			Test: &finetune.Evaluation{Threshold: finetune.Threshold{Threshold: f.threshold}}}
		head := "split,path,group,label,p_well,p_sick\n"
		if err := os.WriteFile(filepath.Join(out.Folder, "predictions.csv"), []byte(head+f.rows), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := p.add(out); err != nil {
			t.Fatal(err)
		}
	}
	o, err := p.outcome()
	if err != nil {
		t.Fatal(err)
	}
	m := o.Test.Metrics
	if want := (metrics.Confusion{TP: 1, FN: 1, TN: 2}); m.Confusion != want || m.Groups != 3 {
		t.Errorf("%+v of %d patients, want %+v of 3", m.Confusion, m.Groups, want)
	}
	if auc(o) != 0.5 {
		t.Errorf("AUC %g, want 0.5", auc(o)) // .6 and .7 against .1 and .8
	}
}

// Of ten negatives nine are at most .9; two of four positives lie above.
func TestSensitivityAt(t *testing.T) {
	var a answers
	for i := range 10 {
		a.Scores, a.Labels = append(a.Scores, float64(i+1)/10), append(a.Labels, false)
	}
	for _, score := range []float64{0.2, 0.9, 0.91, 0.99} {
		a.Scores, a.Labels = append(a.Scores, score), append(a.Labels, true)
	}
	if got := a.sensitivityAt(0.9); got != 0.5 {
		t.Errorf("sensitivity %g, want 0.5", got)
	}
}
