package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/tlkit/tl/finetune"
	"github.com/tlkit/tl/internal/report"
)

// table is rows to be measured, how, and what is printed of them.
type table struct {
	rows    func() []row
	run     func(context.Context, finetune.Options) (*outcome, error)
	columns []column
}

// outcome is one run, or several that were pooled: see crossValidated.
type outcome struct {
	*finetune.Outcome
	folds  []*outcome // nil for one run
	scored answers    // what the folds answered together
}

// single runs o.
func single(ctx context.Context, o finetune.Options) (*outcome, error) {
	out, err := finetune.Run(ctx, o, finetune.Silent{})
	if err == nil && o.Precision != "" && out.Precision.Name != o.Precision {
		err = fmt.Errorf("this processor lacks %s (--only f32 leaves it out)", o.Precision)
	}
	return &outcome{Outcome: out}, err
}

// column is one figure of an outcome; base is the first row's outcome of the
// same seed. Figures with decimals are printed with their standard deviation.
type column struct {
	name     string
	decimals int
	of       func(o, base *outcome) float64
}

var figures = []column{
	{"validation AUC", 4, func(o, _ *outcome) float64 { return o.Val.Metrics.AUC.Value }},
	{"accuracy", 4, func(o, _ *outcome) float64 { return accuracy(o) }},
	{"AUC", 4, func(o, _ *outcome) float64 { return auc(o) }},
	{"sensitivity", 4, func(o, _ *outcome) float64 { return o.Test.Metrics.Sensitivity.Value }},
	{"specificity", 4, func(o, _ *outcome) float64 { return o.Test.Metrics.Specificity.Value }},
	{"epochs", 0, func(o, _ *outcome) float64 { return float64(o.BestEpoch) }},
	{"extract s", 0, func(o, _ *outcome) float64 { return o.ExtractSeconds }},
	{"train s", 0, func(o, _ *outcome) float64 { return o.TrainSeconds }},
	{"peak MiB", 0, func(o, _ *outcome) float64 { return float64(o.PeakMemory) / (1 << 20) }},
}

// losses are what a low precision costs, in points: hundredths.
var losses = []column{
	{"deviation of features, %", 2, func(o, _ *outcome) float64 { return 100 * o.Precision.Deviation }},
	{"change of accuracy, points", 2, func(o, base *outcome) float64 { return 100 * (accuracy(o) - accuracy(base)) }},
	{"change of AUC, points", 2, func(o, base *outcome) float64 { return 100 * (auc(o) - auc(base)) }},
}

func accuracy(o *outcome) float64 { return o.Test.Metrics.Accuracy.Value }
func auc(o *outcome) float64      { return o.Test.Metrics.AUC.Value }

// measure runs every row over the seeds and prints mean ± standard deviation.
func (t table) measure(ctx context.Context) error {
	runs, err := os.MkdirTemp("", "tl-cells-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(runs)
	head := "| |"
	for _, c := range t.columns {
		head += " " + c.name + " |"
	}
	fmt.Println(head + "\n|---|" + strings.Repeat("---|", len(t.columns)))
	var base []*outcome
	for i, r := range t.rows() {
		if !strings.Contains(r.name, *only) {
			continue
		}
		var outs []*outcome
		for seed := *first; seed < *first+*seeds; seed++ {
			o := r.options
			o.Data.Path, o.Data.Seed = *data, uint64(seed)
			o.Seed, o.CacheDir, o.Runs, o.Name = uint64(seed), *cacheDir, runs, fmt.Sprintf("%d-%d", i, seed)
			out, err := t.run(ctx, o)
			if err != nil {
				return fmt.Errorf("%s, seed %d: %w", r.name, seed, err)
			}
			outs = append(outs, out)
			os.RemoveAll(filepath.Join(runs, o.Name))
		}
		if base == nil {
			base = outs
		}
		fmt.Println(t.line(r.name, outs, base))
	}
	return nil
}

// line is one row of the table.
func (t table) line(name string, outs, base []*outcome) string {
	s := "| " + name + " |"
	for _, c := range t.columns {
		x := make([]float64, len(outs))
		for i, o := range outs {
			x[i] = c.of(o, base[i])
		}
		mean, sd := stat.MeanStdDev(x, nil)
		s += " " + report.Number(mean, c.decimals)
		if c.decimals > 0 && !math.IsNaN(sd) {
			s += " ± " + report.Number(sd, c.decimals)
		}
		s += " |"
	}
	return s
}
