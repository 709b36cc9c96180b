package main

import (
	"math"
	"os"
	"strings"
	"testing"
)

// The suite is as the list says: every case passes or is on it.
func TestSuite(t *testing.T) {
	if _, err := os.Stat(dataFolder()); err != nil {
		t.Skipf("needs the ONNX project's test suite: %v (apt-get install libonnx-testdata, or set TL_ONNXDATA)", err)
	}
	cases, err := findCases(dataFolder())
	if err != nil {
		t.Fatal(err)
	}
	results, err := runAll(t.Context(), cases)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range checkList(results, unsupported) {
		t.Error(fault)
	}
	var table strings.Builder
	printTable(&table, results)
	printClasses(&table, results)
	t.Log("\n" + table.String())
}

// The list is checked both ways, and a failure can never be on it.
func TestCheckList(t *testing.T) {
	at := func(name string, o outcome) result {
		return result{testCase: testCase{group: "node", name: name}, outcome: o, reason: "why"}
	}
	results := []result{at("a", passed), at("b", refused), at("c", failed), at("d", passed), at("e", refused)}
	if text := listText(results); text != "node/b: why\nnode/e: why\n" {
		t.Errorf("list is %q", text)
	}
	got := strings.Join(checkList(results, "node/b: w\nnode/c: w\nnode/d: w\nnode/f: w\n"), "\n")
	for _, want := range []string{"node/c: failed: why", "node/d: is on the list", "node/e: unsupported: why", "node/f: is on the list of unsupported cases, but not in the suite"} {
		if !strings.Contains(got, want) {
			t.Errorf("faults are\n%s\nwant in them %q", got, want)
		}
	}
	if strings.Count(got, "\n") != 3 {
		t.Errorf("faults are\n%s\nwant 4", got)
	}
}

// No case is refused for a reason that nobody has thought of.
func TestEveryReasonHasAClass(t *testing.T) {
	for line := range strings.Lines(unsupported) {
		name, reason, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if c := classOf(result{reason: reason}); c == len(classes)-1 && !strings.Contains(reason, "depends on the image") {
			t.Errorf("%s: %s", name, reason)
		}
	}
}

// The tolerance is that of ONNX's own runner.
func TestNear(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		got, want float32
		ok        bool
	}{
		{1, 1, true}, {1.0009, 1, true}, {1.0011, 1, false}, {9e-8, 0, true}, {2e-7, 0, false},
		{nan, nan, true}, {nan, 1, false}, {1, nan, false}, {inf, inf, true}, {1, inf, false}, {inf, 1, false}, {-inf, inf, false},
	} {
		if err := near([]float32{c.got}, []float32{c.want}); (err == nil) != c.ok {
			t.Errorf("%g for %g: %v", c.got, c.want, err)
		}
	}
	if near([]float32{1}, nil) == nil {
		t.Error("a number too many is right")
	}
}
