package main

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
)

// unsupported is the committed list: a line "group/case: reason" for each.
//
//go:embed unsupported.txt
var unsupported string

// listText writes the list that fits the results, sorted.
func listText(results []result) string {
	var lines []string
	for _, r := range results {
		if r.outcome == refused {
			lines = append(lines, fmt.Sprintf("%s/%s: %s\n", r.group, r.name, r.reason))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// checkList holds the results against the list, both ways, and returns what is
// not as it should be. Reasons are for readers: only names are compared.
func checkList(results []result, list string) (faults []string) {
	listed := map[string]bool{}
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(line, ": ")
		listed[name] = true
	}
	for _, r := range results {
		name := r.group + "/" + r.name
		switch known := listed[name]; {
		case r.outcome == failed, r.outcome == refused && !known:
			faults = append(faults, r.String())
		case r.outcome == passed && known:
			faults = append(faults, name+": is on the list of unsupported cases, but passes (--write renews the list)")
		}
		delete(listed, name)
	}
	for name := range listed {
		faults = append(faults, name+": is on the list of unsupported cases, but not in the suite (--write renews the list)")
	}
	slices.Sort(faults)
	return faults
}

// printTable prints how many cases of each group ended how, and how the passed
// ones were bound.
func printTable(w io.Writer, results []result) {
	fmt.Fprintf(w, "%-18s %6s %7s %12s %7s %10s\n", "group", "cases", "passed", "unsupported", "failed", "programs")
	for _, group := range append(groups, "all") {
		var count [failed + 1]int
		runs := 0
		for _, r := range results {
			if r.group == group || group == "all" {
				count[r.outcome]++
				runs += r.runs
			}
		}
		fmt.Fprintf(w, "%-18s %6d %7d %12d %7d %10d\n", group, count[passed]+count[refused]+count[failed], count[passed], count[refused], count[failed], runs)
	}
	var first [bindings]int
	solvers := 0
	for _, r := range results {
		if r.outcome != passed {
			continue
		}
		if r.solver {
			solvers++
		} else {
			first[slices.Index(r.by[:], true)]++
		}
	}
	fmt.Fprintf(w, "\nof those passed, %d import with every float input fed, %d only with all but the first bound as constants,\n"+
		"%d only with all of them bound, and %d are optimiser steps; inputs of other types (shapes, axes) are always bound\n",
		first[fed], first[weighted], first[folded], solvers)
}
