// Package peer lets programs that do the same work compete: each contender is a
// process of its own that lives as long as the contest, answers one line of
// JSON with another, and sleeps between its turns. bench/peers and
// bench/training are its contests.
//
// worker.py beside this file makes a process of a Python module, Serve one of a
// Contender in Go; the protocol, described in worker.py, is the same.
package peer

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// request is one line to a worker; exactly one field is set. See worker.py.
type request struct {
	Load   json.RawMessage `json:"load,omitempty"`   // what the contest wants computed
	Run    int             `json:"run,omitempty"`    // iterations
	Output string          `json:"output,omitempty"` // NumPy file to write
}

// Answer is one line from a worker.
type Answer struct {
	Version  string    `json:"version,omitempty"`  // of the library, after a load
	Settings string    `json:"settings,omitempty"` // chosen, after a load
	Seconds  []float64 `json:"seconds,omitempty"`  // of each iteration
	Images   int       `json:"images,omitempty"`   // computed in all of Seconds together
	Peak     int64     `json:"peak"`               // bytes, largest resident memory so far
}

// Rate returns images a second.
func (a Answer) Rate() float64 {
	sum := 0.0
	for _, s := range a.Seconds {
		sum += s
	}
	return float64(a.Images) / sum
}

// Median is the middle of x, or the mean of the two in the middle; NaN of none.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(x))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// Table writes rows, the first of which is the head, as Markdown.
func Table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}

// List splits a flag's value at its commas.
func List(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
