package main

import (
	"math"
	"strings"
	"testing"

	"github.com/tlkit/tl/bench/peer"
)

// made is a made-up result.
func made(name, who, variant string, rates ...float64) result {
	r := result{row: allRows[0], contender: contender{who, variant}, images: 320, difference: 2e-6,
		Record: peer.Record{Version: who + " 1", Settings: "float32", Rates: rates, Peak: 300 << 20}}
	for _, row := range allRows {
		if row.name == name {
			r.row = row
		}
	}
	if r.whole {
		r.difference, r.epochs, r.auc = math.NaN(), 7, 0.98765
	}
	return r
}

// A row's line has the medians, against torch's faster setting; a whole
// finetune has one against each recipe. Rows that were not measured have none.
func TestMarkdown(t *testing.T) {
	report := markdown(flags{rounds: 3, threads: 2}, []result{
		made("finetune", "tl", "", 40), made("finetune", "torch", "cached", 20), made("finetune", "torch", "plain", 10),
		made("baseline-64", "tl", "", 90, 300, 150), // the mean would be 180
		made("baseline-64", "torch", "planes", 99, 101, 100), made("baseline-64", "torch", "channels_last", 119, 121, 60),
	})
	var table, details []string
	for _, line := range strings.Split(report, "\n") {
		switch {
		case strings.HasPrefix(line, "|"):
			table = append(table, line)
		case strings.HasPrefix(line, "- "):
			details = append(details, line)
		}
	}
	for i, want := range []string{
		"| work | images | tl, images/s | torch, images/s | torch's setting | tl ÷ torch |",
		"|---|---|---|---|---|---|",
		"| epoch of the baseline CNN at 64×64 | 320 | 150.0 (90.0–300.0) | 119.0 (60.0–121.0) | channels_last | 1.26 |",
		"| whole finetune, PNG files to exported model | 320 | 40.0 (40.0–40.0) | 20.0 (20.0–20.0) | cached | 2.00 |",
		"| whole finetune, PNG files to exported model | 320 | 40.0 (40.0–40.0) | 10.0 (10.0–10.0) | plain | 4.00 |",
	} {
		if len(table) != 5 || table[i] != want {
			t.Fatalf("line %d of the table: want %s in\n%s", i+1, want, strings.Join(table, "\n"))
		}
	}
	for i, want := range []string{
		"- finetune, tl: tl 1; float32; 40.0 images/s, peak memory 300 MiB, 8.0 s, epochs computed 7, AUC of the test images after them 0.9877",
		"- finetune, torch cached: torch 1; float32; 20.0 images/s, peak memory 300 MiB, 16.0 s, epochs computed 7, AUC of the test images after them 0.9877",
		"- finetune, torch plain: torch 1; float32; 10.0 images/s, peak memory 300 MiB, 32.0 s, epochs computed 7, AUC of the test images after them 0.9877",
		"- baseline-64, tl: tl 1; float32; 150.0 images/s, peak memory 300 MiB",
		"- baseline-64, torch planes: torch 1; float32; 100.0 images/s, peak memory 300 MiB; first losses differ from tl's by 2.0e-06 at most",
		"- baseline-64, torch channels_last: torch 1; float32; 119.0 images/s, peak memory 300 MiB; first losses differ from tl's by 2.0e-06 at most",
	} {
		if len(details) != 6 || details[i] != want {
			t.Fatalf("line %d of the details: want %s in\n%s", i+1, want, strings.Join(details, "\n"))
		}
	}
	if !strings.Contains(report, ". 2 threads, float32, medians of 3 rounds in turns") {
		t.Error(report)
	}
}
