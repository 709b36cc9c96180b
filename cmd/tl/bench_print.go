package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/tlkit/tl/internal/bench"
	"github.com/tlkit/tl/internal/report"
	"github.com/tlkit/tl/internal/roofline"
)

// printBench prints the machine, then what was measured, then what could not be.
func printBench(w io.Writer, r *bench.Report) error {
	printMachine(w, r.Machine)
	fmt.Fprintf(w, "network  %s\ncut      %s\n", withReason(r.Network, r.Note), withReason(r.Cut, r.Why))
	for _, m := range r.Missing {
		fmt.Fprintf(w, "not measured: %s: %s\n", m.Precision, m.Reason)
	}
	switch {
	case len(r.Rows) > 0:
		printDeviation(w, slices.ContainsFunc(r.Rows, func(x bench.Row) bool { return x.Precision != "f32" }),
			"the outputs against float32, of random numbers as input; of real images with --data")
		return printTables(w, caseTable(r.Rows))
	case len(r.EndToEnd) > 0:
		printDeviation(w, slices.ContainsFunc(r.EndToEnd, func(x bench.EndToEnd) bool { return x.Precision != "f32" }),
			"the features against float32, of a batch of the images")
		return printTables(w, fileTable(r.EndToEnd))
	case r.Profile != nil && r.Profile.Rounds > 0:
		p := r.Profile
		fmt.Fprintf(w, "case     %s, batch %d, %d×%d pixels, median of %d rounds\n", p.Precision, p.Batch, p.Size, p.Size, p.Rounds)
		return printTables(w, layerTable(p), groupTable(p))
	}
	return nil
}

// withReason is what with why, if there is a reason.
func withReason(what, why string) string {
	if why == "" {
		return what
	}
	return what + " (" + why + ")"
}

// printDeviation says of what the deviations are, if there are any.
func printDeviation(w io.Writer, any bool, of string) {
	if any {
		fmt.Fprintf(w, "deviation is the relative L2 error of %s\n", of)
	}
}

func printMachine(w io.Writer, m roofline.Machine) {
	fmt.Fprintf(w, "machine  %s, %s, %s, threads: %d\n", m.Processor, m.System, m.Kernels, m.Threads)
	fmt.Fprintf(w, "peak     %s GFLOP/s, of one thread %s (float32 multiply-adds, measured)\n", report.Number(m.Peak, 1), report.Number(m.Peak1, 1))
	fmt.Fprintf(w, "memory   %s GB/s read, from L2 %s (measured)\n", report.Number(m.Bandwidth, 1), report.Number(m.L2Bandwidth, 1))
}

// printTables prints tables with an empty line before each.
func printTables(w io.Writer, tables ...*report.Table) error {
	for _, t := range tables {
		fmt.Fprintln(w)
		if err := t.Text(w); err != nil {
			return err
		}
	}
	return nil
}

func caseTable(rows []bench.Row) *report.Table {
	t := &report.Table{Columns: []string{"network", "precision", "batch", "size", "images/s", "best", "GFLOP/s", "of peak", "deviation", "compile s", "MiB"}, Align: "ll"}
	for _, r := range rows {
		t.Add(r.Network, r.Precision, fmt.Sprint(r.Batch), fmt.Sprint(r.Size),
			speedText(r.ImagesPerSecond), speedText(r.Best), report.Number(r.GFlops, 1), report.Percent(r.PeakShare, 1),
			deviationText(r.Precision, r.Deviation), report.Number(r.CompileSeconds, 2), report.Number(r.MemoryMiB, 1))
	}
	return t
}

func fileTable(rows []bench.EndToEnd) *report.Table {
	t := &report.Table{Columns: []string{"network", "precision", "batch", "size", "files", "images/s from files", "best", "forward alone", "best", "ratio", "deviation"}, Align: "ll"}
	for _, r := range rows {
		t.Add(r.Network, r.Precision, fmt.Sprint(r.Batch), fmt.Sprint(r.Size), fmt.Sprint(r.Images),
			speedText(r.FromFiles), speedText(r.FromFilesTop), speedText(r.Forward), speedText(r.ForwardTop), report.Number(r.Ratio, 3),
			deviationText(r.Precision, r.Deviation))
	}
	return t
}

// deviationText words how far a low precision is from float32.
func deviationText(precision string, deviation float64) string {
	if precision == "f32" {
		return "-"
	}
	return report.Percent(deviation, 2)
}

// costColumns are the columns that costCells fills.
var costColumns = []string{"ms", "share", "GFLOP/s", "of peak", "FLOP/byte", "roof", "of roof"}

// costCells words a cost; work without operations that are counted has no rates.
func costCells(c bench.Cost) []string {
	cells := []string{report.Number(c.Millis, 3), report.Percent(c.Share, 1), "", "", "", "", report.Percent(c.RoofShare, 0)}
	if c.Flops > 0 {
		cells[2], cells[3] = report.Number(c.GFlops, 1), report.Percent(c.PeakShare, 1)
		cells[4], cells[5] = report.Number(c.Intensity, 1), report.Number(c.Roof, 1)
	}
	return cells
}

func layerTable(p *bench.Profile) *report.Table {
	t := &report.Table{Columns: append(append([]string{"layer", "kind", "output", "algorithm"}, costColumns...), "limit", "model ms"), Align: "llllrrrrrrrlr"}
	for _, l := range p.Layers {
		model := ""
		if l.Model > 0 {
			model = report.Number(l.Model, 3)
		}
		t.Add(append(append([]string{l.Name, l.Kind, l.Output, l.Algorithm}, costCells(l.Cost)...), l.Limit, model)...)
	}
	t.Add(append([]string{"total", "", "", ""}, costCells(p.Total)...)...)
	return t
}

func groupTable(p *bench.Profile) *report.Table {
	t := &report.Table{Columns: append([]string{"by algorithm", "layers"}, costColumns...)}
	for _, g := range p.Groups {
		t.Add(append([]string{g.Algorithm, fmt.Sprint(g.Layers)}, costCells(g.Cost)...)...)
	}
	return t
}

// speedText is images a second to three digits or more.
func speedText(v float64) string {
	switch {
	case v < 10:
		return report.Number(v, 2)
	case v < 100:
		return report.Number(v, 1)
	}
	return report.Number(v, 0)
}
