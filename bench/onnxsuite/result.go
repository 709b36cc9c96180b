package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/onnx"
)

// outcome is how a case ended.
type outcome int

const (
	passed outcome = iota
	refused
	failed
)

func (o outcome) String() string { return [...]string{"passed", "unsupported", "failed"}[o] }

// result is what became of one case.
type result struct {
	testCase
	outcome
	reason string         // why it is not passed
	runs   int            // programs compared: bindings × kernels × raw and optimised
	by     [bindings]bool // bindings that were imported and compared
	solver bool           // an optimiser's step, by a solver
	lacks  bool           // an operator that tl has in no form
}

func (r result) String() string {
	if r.outcome == passed {
		return fmt.Sprintf("%s/%s: %v, %d runs", r.group, r.name, r.outcome, r.runs)
	}
	return fmt.Sprintf("%s/%s: %v: %s", r.group, r.name, r.outcome, r.reason)
}

// wrong is an error that makes a case fail; others make it unsupported.
type wrong struct{ error }

// end sets the outcome by the error that a case ended with, nil for none.
func (r *result) end(err error) {
	if err == nil {
		return
	}
	r.outcome, r.reason = refused, strings.NewReplacer(r.model+": ", "", "model.onnx: ", "").Replace(err.Error())
	if errors.As(err, new(wrong)) || panicked(err) {
		r.outcome = failed
	}
}

// panicked reports whether the importer or the reader had to catch a panic:
// then the file got further than it should have.
func panicked(err error) bool {
	return strings.Contains(err.Error(), "cannot be imported: ") || strings.Contains(err.Error(), "runtime error")
}

// try runs a case; a panic fails it.
func (s *suite) try(c testCase) (r result) {
	r = result{testCase: c}
	defer func() {
		if p := recover(); p != nil {
			r.end(wrong{fmt.Errorf("panic: %v", p)})
		}
	}()
	if kind, ok := readSolver(c.model); ok {
		r.solver = true
		r.end(s.solver(&r, kind))
		return r
	}
	m, err := onnx.Read(c.model)
	if err == nil {
		defer m.Close()
		r.lacks = slices.ContainsFunc(m.Nodes, func(n onnx.Node) bool {
			return !slices.Contains(op.Supported, n.Op) && !slices.Contains(onShapes, n.Op)
		})
		err = s.model(&r, m)
	}
	r.end(err)
	return r
}
