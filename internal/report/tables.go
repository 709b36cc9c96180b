package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tlkit/tl/internal/metrics"
)

// MetricTable lists every metric with its interval.
func MetricTable(rows []metrics.Metric, level float64) *Table {
	t := &Table{Columns: []string{"metric", "value", fmt.Sprintf("%g %% interval", 100*level)}, Align: "lrl"}
	for _, m := range rows {
		span := ""
		if m.Value.HasInterval() {
			span = Number(m.Value.Low, 3) + " to " + Number(m.Value.High, 3)
		}
		t.Add(m.Title, Number(m.Value.Value, 3), span)
	}
	return t
}

// MetricCSV lists every metric in full precision: metric, value, low, high;
// undefined figures stay empty.
func MetricCSV(rows []metrics.Metric) *Table {
	t := &Table{Columns: []string{"metric", "value", "low", "high"}}
	for _, m := range rows {
		t.Add(m.Key, full(m.Value.Value), full(m.Value.Low), full(m.Value.High))
	}
	return t
}

// full is v in full precision, empty for NaN.
func full(v float64) string {
	if v != v {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// ConfusionTable shows truth against call; counts is (K,K) [truth][called].
func ConfusionTable(classes []string, counts [][]int) *Table {
	t := &Table{Columns: []string{"truth"}}
	for _, c := range classes {
		t.Columns = append(t.Columns, "called "+c)
	}
	t.Columns = append(t.Columns, "right")
	for i, row := range counts {
		cells := []string{classes[i]}
		for _, n := range row {
			cells = append(cells, Count(n))
		}
		t.Add(append(cells, Percent(float64(row[i])/float64(sum(row)), 1))...)
	}
	return t
}

// Counts arranges a binary confusion as (2,2) [truth][called], the positive
// class first.
func Counts(c metrics.Confusion) [][]int { return [][]int{{c.TP, c.FN}, {c.FP, c.TN}} }

// GroupTable lists groups (patients) with the word for one as its first column.
func GroupTable(groups []metrics.Group, word, positive string) *Table {
	t := &Table{Columns: []string{word, "images", positive, "called " + positive, "accuracy", "sensitivity", "specificity", "mean score"}}
	for _, g := range groups {
		c := g.Confusion
		t.Add(g.Name, Count(c.Images()), Count(c.Positives()), Count(c.Called()),
			Number(c.Accuracy(), 3), Number(c.Sensitivity(), 3), Number(c.Specificity(), 3), Number(g.MeanScore, 3))
	}
	return t
}

// GroupCSV lists groups in full precision; undefined figures stay empty.
func GroupCSV(groups []metrics.Group) *Table {
	t := &Table{Columns: []string{"group", "images", "positives", "called_positive", "tp", "fp", "tn", "fn",
		"accuracy", "sensitivity", "specificity", "mean_score"}}
	for _, g := range groups {
		c := g.Confusion
		row := []string{g.Name}
		for _, n := range []int{c.Images(), c.Positives(), c.Called(), c.TP, c.FP, c.TN, c.FN} {
			row = append(row, strconv.Itoa(n))
		}
		for _, v := range []float64{c.Accuracy(), c.Sensitivity(), c.Specificity(), g.MeanScore} {
			row = append(row, full(v))
		}
		t.Add(row...)
	}
	return t
}

// SpreadTable shows how the rates vary from group to group.
func SpreadTable(s metrics.GroupSummary, word string) *Table {
	t := &Table{Columns: []string{"rate", pluralOf(word), "worst", "worst tenth", "median", "mean", "best"}}
	for _, r := range []struct {
		name string
		s    metrics.Spread
	}{{"Accuracy", s.Accuracy}, {"Sensitivity", s.Sensitivity}, {"Specificity", s.Specificity}} {
		t.Add(r.name, Count(r.s.Groups), Number(r.s.Min, 3), Number(r.s.WorstDecile, 3),
			Number(r.s.Median, 3), Number(r.s.Mean, 3), Number(r.s.Max, 3))
	}
	return t
}

// ClassTable shows each class of K against the rest.
func ClassTable(classes []metrics.ClassResult) *Table {
	t := &Table{Columns: []string{"class", "images", "recall", "precision", "F1", "ROC AUC"}}
	for _, c := range classes {
		t.Add(c.Name, Count(c.Images), Interval(c.Recall), Interval(c.Precision), Interval(c.F1), Interval(c.AUC))
	}
	return t
}

// DifferenceTable shows A minus B metric by metric. A star marks what the
// interval tells from zero.
func DifferenceTable(d *metrics.Difference) *Table {
	t := &Table{Columns: []string{"metric", "difference", fmt.Sprintf("%g %% interval", 100*d.Level), "better"}, Align: "lrll"}
	for _, m := range d.Metrics {
		span := ""
		if m.HasInterval() {
			span = Signed(m.Low, 3) + " to " + Signed(m.High, 3)
		}
		t.Add(m.Title, Signed(m.Value.Value, 3), span, [3]string{"second", "", "first"}[m.Winner()+1])
	}
	return t
}

// SmearTable shows what sensitivity and specificity mean for smears of that
// many cells (0: metrics.SmearCells) at several true parasitaemias.
func SmearTable(cells int, sensitivity, specificity float64, prevalences ...float64) *Table {
	t := &Table{Columns: []string{"true parasitaemia", "infected cells found", "missed", "healthy cells called infected",
		"apparent parasitaemia", "PPV", "NPV"}, Align: "rrrrrrr"}
	for _, p := range prevalences {
		e := metrics.Smear(cells, p, sensitivity, specificity)
		t.Add(share(p), Number(e.TrueCells, 1), Number(e.Missed, 1), Number(e.FalseCells, 1),
			Percent(e.Apparent, 2), Number(e.PPV, 3), Number(e.NPV, 4))
	}
	return t
}

// share is a percentage with as many digits as it needs: "0.004 %", "4 %".
func share(p float64) string {
	return strings.TrimSpace(strconv.FormatFloat(100*p, 'g', 3, 64)) + " %"
}
