package report

import (
	"fmt"
	"io"
	"strconv"

	"github.com/tlkit/tl/internal/metrics"
)

// Table shows the arms side by side: metrics with intervals, then what each
// model costs.
func (c *Comparison) Table() *Table {
	t := &Table{Columns: []string{""}}
	var rows [][]string
	for i, arm := range c.Arms {
		t.Columns = append(t.Columns, arm.Model.Name)
		list, _, _, _, _ := arm.Evaluation.metrics()
		for k, m := range list {
			if i == 0 {
				rows = append(rows, []string{m.Title})
			}
			rows[k] = append(rows[k], Interval(m.Value))
		}
	}
	t.Rows = rows
	for _, cost := range []struct {
		name string
		of   func(Arm) string
	}{
		{"Threshold", thresholdOrNone},
		{"Parameters trained", func(a Arm) string { return Count(a.Model.Trainable) }},
		{"Parameters frozen", func(a Arm) string { return Count(a.Model.Frozen) }},
		{"Epochs", func(a Arm) string { return Count(a.Training.Epochs) }},
		{"Features computed in", func(a Arm) string { return secondsOrNone(a.Training.Extraction) }},
		{"Trained in", func(a Arm) string { return secondsOrNone(a.Training.Seconds) }},
		{"Peak memory", func(a Arm) string { return bytesOrNone(a.Training.Peak) }},
	} {
		row := []string{cost.name}
		for _, arm := range c.Arms {
			row = append(row, cost.of(arm))
		}
		t.Add(row...)
	}
	return t
}

// thresholdOrNone is the threshold of two classes; more have none.
func thresholdOrNone(a Arm) string {
	if a.Evaluation.Result == nil {
		return "-"
	}
	return Number(a.Evaluation.Choice.Threshold, 3)
}

func secondsOrNone(s float64) string {
	if s == 0 {
		return "-"
	}
	return Seconds(s)
}

func bytesOrNone(n int64) string {
	if n == 0 {
		return "-"
	}
	return Bytes(n)
}

// PairTable shows the differences side by side, with McNemar's p.
func (c *Comparison) PairTable() *Table {
	t := &Table{Columns: []string{""}}
	for i, pair := range c.Pairs {
		t.Columns = append(t.Columns, pair.First+" - "+pair.Second)
		for k, m := range pair.Difference.Metrics {
			if i == 0 {
				t.Add(m.Title)
			}
			t.Rows[k] = append(t.Rows[k], SignedInterval(m.Value))
		}
	}
	mcnemar, only := []string{"McNemar's p"}, []string{"Only first right / only second"}
	for _, pair := range c.Pairs {
		m := pair.Difference.McNemar
		mcnemar, only = append(mcnemar, P(m.P)), append(only, Count(m.OnlyA)+" / "+Count(m.OnlyB))
	}
	t.Add(only...)
	t.Add(mcnemar...)
	return t
}

// CSV is one row an arm in full precision, undefined figures empty.
func (c *Comparison) CSV() *Table {
	t := &Table{Columns: []string{"model", "baseline", "threshold"}}
	for i, arm := range c.Arms {
		row := []string{arm.Model.Name, strconv.FormatBool(arm.Model.Baseline), full(arm.Evaluation.Choice.Threshold)}
		list, _, _, _, _ := arm.Evaluation.metrics()
		for _, m := range list {
			if i == 0 {
				t.Columns = append(t.Columns, m.Key, m.Key+"_low", m.Key+"_high")
			}
			row = append(row, full(m.Value.Value), full(m.Value.Low), full(m.Value.High))
		}
		row = append(row, strconv.Itoa(arm.Model.Trainable), strconv.Itoa(arm.Model.Frozen), strconv.Itoa(arm.Training.Epochs),
			full(arm.Training.Extraction), full(arm.Training.Seconds), strconv.FormatInt(arm.Training.Peak, 10))
		t.Rows = append(t.Rows, row)
	}
	t.Columns = append(t.Columns, "trainable", "frozen", "epochs", "extraction_seconds", "training_seconds", "peak_bytes")
	return t
}

func (c *Comparison) primary() string {
	if c.Primary == "" {
		return "accuracy"
	}
	return c.Primary
}

// Verdict says in sentences who won, by the primary metric's paired interval.
// It says so when the baseline wins.
func (c *Comparison) Verdict() []string {
	var out []string
	if n := c.groups(); n > 0 && n < fewGroups {
		out = append(out, fmt.Sprintf("Too few to decide: the test images are of only %s, and intervals over so few are far too narrow. What follows is a hint at most.", plural(n, c.Data.word())))
	}
	if best := c.best(); best != nil {
		out = append(out, c.headline(*best))
	}
	for _, pair := range c.Pairs {
		out = append(out, pair.words(c.primary()))
	}
	return out
}

// fewGroups is the number of patients below which a percentile bootstrap over
// them is much too sure of itself; from 10 to 20 metrics calls it rough.
const fewGroups = 10

// groups is the number of groups that the arms were measured on, 0 when they
// are not known.
func (c *Comparison) groups() int {
	if len(c.Arms) == 0 || c.Arms[0].Evaluation.Result == nil {
		return 0
	}
	return c.Arms[0].Evaluation.Result.Groups
}

// best is the arm with the best primary metric, nil when none is known.
func (c *Comparison) best() *Arm {
	var best *Arm
	var top float64
	for i := range c.Arms {
		m, ok := c.Arms[i].metric(c.primary())
		if score := float64(m.Better) * m.Value.Value; ok && m.Value.Known() && (best == nil || score > top) {
			best, top = &c.Arms[i], score
		}
	}
	return best
}

func (a Arm) metric(key string) (metrics.Metric, bool) {
	list, _, _, _, _ := a.Evaluation.metrics()
	for _, m := range list {
		if m.Key == key {
			return m, true
		}
	}
	return metrics.Metric{}, false
}

func (c *Comparison) headline(best Arm) string {
	m, _ := best.metric(c.primary())
	words := fmt.Sprintf("%s has the best %s: %s.", best.Model.Name, phrase(m.Title), Interval(m.Value))
	if len(c.Arms) == 1 {
		return fmt.Sprintf("%s has %s %s.", best.Model.Name, phrase(m.Title), Interval(m.Value))
	}
	if !best.Model.Baseline {
		return words
	}
	won := len(c.Pairs) > 0
	for _, pair := range c.Pairs {
		if sign := pair.sign(best.Model.Name); sign != 0 {
			d, ok := pair.Difference.Metric(c.primary())
			won = won && ok && d.Winner() == sign
		}
	}
	if won {
		return "The baseline wins. " + words + " Here the larger networks are not worth their cost."
	}
	return "The baseline wins by the plain figure. " + words + " No other network beat the small one that was trained from scratch."
}

// sign is +1 when name is the first of the pair, −1 when it is the second, 0
// when it is neither.
func (p Pair) sign(name string) int {
	switch name {
	case p.First:
		return 1
	case p.Second:
		return -1
	}
	return 0
}

// words tells one pair apart, or says that it cannot be told.
func (p Pair) words(primary string) string {
	d, ok := p.Difference.Metric(primary)
	if !ok || !d.Known() {
		return fmt.Sprintf("%s and %s: the difference in %s is not known.", p.First, p.Second, primary)
	}
	figures := fmt.Sprintf("%s %s, McNemar's p %s", phrase(d.Title), SignedInterval(d.Value), P(p.Difference.McNemar.P))
	switch {
	case !d.HasInterval():
		return fmt.Sprintf("%s against %s: %s, without an interval.", p.First, p.Second, figures)
	case d.Winner() > 0:
		return fmt.Sprintf("%s is better than %s: %s.", p.First, p.Second, figures)
	case d.Winner() < 0:
		return fmt.Sprintf("%s is worse than %s: %s.", p.First, p.Second, figures)
	}
	return fmt.Sprintf("%s and %s are not told apart: %s.", p.First, p.Second, figures)
}

// phrase is a metric's title inside a sentence.
func phrase(title string) string {
	for _, acronym := range []string{"ROC", "MCC", "F1", "Macro"} {
		if len(title) >= len(acronym) && title[:len(acronym)] == acronym {
			return title
		}
	}
	return string(title[0]|0x20) + title[1:]
}

// Markdown writes report.md of the comparison.
func (c *Comparison) Markdown(w io.Writer) error {
	p := &page{}
	p.opening(c.Name, c.Data.Generated)
	p.heading(2, "Verdict")
	p.list(c.Verdict()...)
	if len(c.Arms) > 0 {
		p.heading(2, "Models side by side")
		p.text("%s", measuredWords(c.Data, c.Arms[0].Evaluation))
		p.table(c.Table())
	}
	c.pairs(p)
	for _, arm := range c.Arms {
		p.arm(c.Data, arm)
	}
	p.pictures(c.Pictures)
	p.data(c.Data)
	p.made(c.Version, c.Created, c.Command)
	return p.writeTo(w)
}

func (c *Comparison) pairs(p *page) {
	if len(c.Pairs) == 0 {
		return
	}
	p.heading(2, "Differences")
	p.text("Each difference is of two models on the same images and the same bootstrap draws; its interval tells them apart when it leaves out zero. " +
		"For Brier score and log loss, lower is better. McNemar's test takes all images as independent; where one person has many, trust the interval before p.")
	p.table(c.PairTable())
}

// arm is the part of a comparison that speaks of one model.
func (p *page) arm(d Data, a Arm) {
	p.heading(2, a.Model.Name)
	if a.Evaluation.Result != nil {
		p.text("%s", ThresholdWords(a.Evaluation.Choice))
	}
	f := append(a.Model.backbone(), a.Model.input()...)
	f.add("Head: %s", a.Model.Head)
	f.add("Precision: %s", a.Model.Precision)
	f.add("**The weights look untrained:** %s", a.Model.Untrained)
	if r := a.Evaluation.Result; r != nil && IsSmear(d.Positive) {
		f.add("%s", SmearWords(0, r))
	}
	_, _, _, _, notes := a.Evaluation.metrics()
	p.list(append(f, notes...)...)
}
