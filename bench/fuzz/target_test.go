package main

import (
	"regexp"
	"slices"
	"testing"
)

// Targets are found by name in the source.
func TestFind(t *testing.T) {
	all, err := find("../..", regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []target{{"./../../onnx", "FuzzParse"}, {"./../../internal/graph", "FuzzImport"}, {"./../../internal/engine", "FuzzCompile"}} {
		if !slices.Contains(all, want) {
			t.Errorf("%v is not among %v", want, all)
		}
	}
	if some, err := find("../..", regexp.MustCompile("onnx FuzzParse$")); err != nil || len(some) != 1 {
		t.Errorf("found %v, %v", some, err)
	}
}

const good = `fuzz: elapsed: 3s, execs: 120 (40/sec), new interesting: 1 (total: 9)
fuzz: elapsed: 6s, execs: 250 (43/sec), new interesting: 2 (total: 10)
`

// What go test prints is understood: counts, failures, and the deadline that is none.
func TestOutput(t *testing.T) {
	if n, found := counts([]byte(good)); n != 250 || found != 2 {
		t.Errorf("counted %d and %d", n, found)
	}
	for out, want := range map[string]string{
		good: "",
		good + "    Failing input written to testdata/fuzz/FuzzX/0a1b\n": "FAILED: testdata/fuzz/FuzzX/0a1b",
		"panic: runtime error: index out of range\n":                     "FAILED: runtime error: index out of range",
		"FAIL ./x [build failed]\n":                                      "FAILED: [build failed]",
	} {
		if got := cause([]byte(out)); got != want {
			t.Errorf("cause of %q: %q, wanted %q", out, got, want)
		}
	}
	late := "--- FAIL: FuzzX (9.00s)\n    context deadline exceeded\n"
	if !atDeadline([]byte(late)) || atDeadline([]byte(late+"    Failing input written to a\n")) || atDeadline([]byte(good)) {
		t.Error("the deadline is taken for something else")
	}
}
