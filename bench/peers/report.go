package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tlkit/tl/bench/peer"
)

// report is all that was measured.
type report struct {
	Machine string
	Threads int
	ISA     string // "avx2", or "" for all that the processor has
	Results []result
}

// frameworks are the peers that a user of ONNX files or torch has at hand; ncnn
// wants another format and has no batches, so it gets a column of its own.
var frameworks = []string{reference, "openvino", "torch"}

// markdown is the whole report.
func (r report) markdown(cases []benchmark) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Machine: %s. %d threads, medians of %d rounds in turns.\n", r.Machine, r.Threads, len(r.Results[0].Rates))
	for _, p := range peer.List(*precisions) {
		fmt.Fprintf(&b, "\nImages a second, tl in %s, peers in float32; of several settings the fastest:\n\n", p)
		b.WriteString(r.speeds(cases, p))
	}
	b.WriteString("\nPeak memory of the process, MiB:\n\n" + r.memory(cases) + "\n" + r.settings())
	return b.String()
}

// speeds is the table of one precision of tl.
func (r report) speeds(cases []benchmark, precision string) string {
	peers := append(slices.Clone(frameworks), "ncnn")
	rows := [][]string{append(append([]string{"network", "batch", "size", "tl"}, peers...), "tl ÷ best of "+strings.Join(frameworks, ", "), "tl ÷ ncnn")}
	for _, k := range cases {
		ours := r.fastest(k, precision, "tl")
		row := append(k.cells(), speed(ours))
		for _, p := range peers {
			row = append(row, speed(r.fastest(k, "f32", p)))
		}
		rows = append(rows, append(row, ratio(ours, r.fastest(k, "f32", frameworks...)), ratio(ours, r.fastest(k, "f32", "ncnn"))))
	}
	return peer.Table(rows)
}

// fastest returns the best of some peers' results in a case, nil where none of
// them took part.
func (r report) fastest(k benchmark, precision string, peers ...string) (best *result) {
	for i := range r.Results {
		e := &r.Results[i]
		if e.benchmark == k && e.Precision == precision && slices.Contains(peers, e.Peer) && (best == nil || e.Rate() > best.Rate()) {
			best = e
		}
	}
	return best
}

// memory is the table of peak memory.
func (r report) memory(cases []benchmark) string {
	head := []string{"network", "batch", "size"}
	who := r.contenders()
	for _, c := range who {
		head = append(head, c.String())
	}
	rows := [][]string{head}
	for _, k := range cases {
		row := k.cells()
		for _, c := range who {
			at := slices.IndexFunc(r.Results, func(e result) bool { return e.benchmark == k && e.contender == c })
			if at < 0 {
				row = append(row, "–")
				continue
			}
			row = append(row, fmt.Sprint(r.Results[at].Peak>>20))
		}
		rows = append(rows, row)
	}
	return peer.Table(rows)
}

// contenders are those that took part, in their order.
func (r report) contenders() (all []contender) {
	for _, e := range r.Results {
		if !slices.Contains(all, e.contender) {
			all = append(all, e.contender)
		}
	}
	return all
}

// settings lists versions, settings and how far each one's features were from
// the reference's.
func (r report) settings() string {
	var b strings.Builder
	for _, c := range r.contenders() {
		var first *result
		most := 0.0
		for i, e := range r.Results {
			if e.contender == c {
				most = max(most, e.Difference)
				if first == nil {
					first = &r.Results[i]
				}
			}
		}
		fmt.Fprintf(&b, "- %v: %s; %s", c, first.Version, first.Settings)
		if c.env != "" {
			fmt.Fprintf(&b, ", %s", c.env)
		}
		if r.ISA == "avx2" {
			b.WriteString(c.forced())
		}
		if c.Peer != reference {
			fmt.Fprintf(&b, "; largest difference from %s %.1e", reference, most)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// forced says how AVX-512 was switched off.
func (c contender) forced() string {
	if c.avx2 == "" {
		return "; no variable keeps it from AVX-512: its plain speed"
	}
	return "; " + c.avx2
}

func (k benchmark) cells() []string {
	return []string{k.Network, fmt.Sprint(k.Batch), fmt.Sprint(k.Size)}
}

// speed is a cell of the table: images a second, and by which variant.
func speed(r *result) string {
	if r == nil {
		return "–"
	}
	return strings.TrimSpace(fmt.Sprintf("%.1f %s", r.Rate(), r.Variant))
}

func ratio(a, b *result) string {
	if a == nil || b == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", a.Rate()/b.Rate())
}
