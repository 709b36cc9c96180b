package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tlkit/tl/bench/peer"
)

// markdown is the whole report.
func markdown(f flags, results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Machine: %s. %d threads, float32, medians of %d rounds in turns, lowest and highest in brackets.\n\n", peer.Machine(), f.threads, f.rounds)
	rows := [][]string{{"work", "images", "tl, images/s", "torch, images/s", "torch's setting", "tl ÷ torch"}}
	for _, r := range allRows {
		rows = append(rows, r.lines(results)...)
	}
	b.WriteString(peer.Table(rows) + "\n")
	for _, r := range results {
		b.WriteString(r.detail())
	}
	return b.String()
}

// lines are a row's of the table: against torch's fastest setting, of a whole
// finetune against each recipe.
func (r row) lines(all []result) (lines [][]string) {
	var ours result
	var theirs []result
	for _, e := range all {
		switch {
		case e.name != r.name:
		case e.Peer == "tl":
			ours = e
		default:
			theirs = append(theirs, e)
		}
	}
	if !r.whole && len(theirs) > 0 {
		theirs = []result{slices.MaxFunc(theirs, func(a, b result) int { return int(1e6 * (a.Rate() - b.Rate())) })}
	}
	for _, t := range theirs {
		lines = append(lines, []string{r.what, fmt.Sprint(ours.images), ours.speed(), t.speed(), t.Variant, fmt.Sprintf("%.2f", ours.Rate()/t.Rate())})
	}
	return lines
}

// speed is the median of a contender's rounds and their range.
func (r result) speed() string {
	return fmt.Sprintf("%.1f (%.1f–%.1f)", r.Rate(), slices.Min(r.Rates), slices.Max(r.Rates))
}

// detail is a line on one contender in one row.
func (r result) detail() string {
	s := fmt.Sprintf("- %s, %v: %s; %s; %.1f images/s, peak memory %d MiB", r.name, r.contender, r.Version, r.Settings, r.Rate(), r.Peak>>20)
	switch {
	case r.whole:
		s += fmt.Sprintf(", %.1f s, epochs computed %d, AUC of the test images after them %.4f", float64(r.images)/r.Rate(), r.epochs, r.auc)
	case r.Peer != "tl":
		s += fmt.Sprintf("; first losses differ from tl's by %.1e at most", r.difference)
	}
	return s + "\n"
}
