package main

import (
	"fmt"
	"io"
	"regexp"
)

// class is what a case wants that tl lacks, told by the reason of its refusal.
// The last one holds what none of the others fits.
type class struct {
	name   string
	types  bool // it has operators that tl lacks, or none that were read
	reason *regexp.Regexp
}

// classes in the order in which they are tried.
var classes = []class{
	{"an operator that tl lacks", true, regexp.MustCompile(`operators that are not supported`)},
	{"control flow (If, Loop, Scan, SequenceMap)", true, regexp.MustCompile(`is a subgraph`)},
	{"operators of quantised networks", true, regexp.MustCompile(`the network is quantised, found`)},
	{"operators of other domains or of operator set 0", true, regexp.MustCompile(`of the ONNX standard only|wanted operator set version .* found 0`)},
	{"sequences, optionals and other values that are no tensors", true, regexp.MustCompile(`wanted a tensor, found a sequence`)},
	{"strings, unsigned and small integers as elements", false, regexp.MustCompile(`elements of type|elements are u?int`)},
	{"windows over one or three dimensions", false, regexp.MustCompile(`attribute (strides|kernel_shape) is \[\d+( \d+ \d+)?\]`)},
	{"training mode", false, regexp.MustCompile(`training_mode is`)},
	{"a second output (the indices of MaxPool, the mask of Dropout)", false, regexp.MustCompile(`is a further output`)},
	{"arrays without elements", false, regexp.MustCompile(`has an empty axis|cannot reshape \S+ to \[.*\b0\b.*\]`)},
	{"logic on booleans of operator set 1", true, regexp.MustCompile(`\(Not\) of operator set 1`)},
	{"something else", false, regexp.MustCompile(``)},
}

// onShapes are the operators beside op.Supported that the importer computes on
// shapes and constants.
var onShapes = []string{"Cast", "Ceil", "Constant", "ConstantOfShape", "Floor", "Gather", "Shape", "Size", "Slice"}

// classOf is the class of a case that is refused. Arrays are read before
// operators are, so a case that lacks an operator may give another reason.
func classOf(r result) int {
	if r.lacks {
		return 0
	}
	for i, c := range classes {
		if c.reason.MatchString(r.reason) {
			return i
		}
	}
	panic("the last class holds all")
}

// printClasses prints how many cases have only operators that tl has, if only
// for shapes, and what those of them that it refuses want.
func printClasses(w io.Writer, results []result) {
	count := make([]int, len(classes))
	pass, types := 0, 0
	for _, r := range results {
		switch r.outcome {
		case passed:
			pass, types = pass+1, types+1
		case refused:
			c := classOf(r)
			count[c]++
			if !classes[c].types {
				types++
			}
		}
	}
	fmt.Fprintf(w, "\nby operator type: %d cases have only operators that tl has; of these %d pass, and the others want\n", types, pass)
	print := func(types bool) {
		for i, c := range classes {
			if c.types == types && count[i] > 0 {
				fmt.Fprintf(w, "%7d  %s\n", count[i], c.name)
			}
		}
	}
	print(false)
	fmt.Fprintf(w, "%d cases do not have only such operators:\n", len(results)-types)
	print(true)
}
