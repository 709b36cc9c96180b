// Package engine is the seam between the network and the machine: a Program
// goes in, an Exec comes out.
//
// An engine takes a whole program, not single operators, so that a compiler
// for another machine can fuse as it likes. What crosses the seam is host
// tensors and a program; types of a machine's own library never do.
package engine

import (
	"context"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
)

// Program is a network to be run: a graph with concrete shapes.
type Program struct {
	Graph *graph.Graph
	// Normalise is done to the first input, (N,C,H,W), as it is read: the
	// zero value changes nothing.
	Normalise cpu.Normalise
	// Release, if there is one, is called while weights are laid out, now and
	// then: it may let go of memory that constants have been read from, such
	// as the pages of a mapped file.
	Release func()
}

// Options says how to compile. Its zero value compiles with all passes.
type Options struct {
	Raw       bool   // run the graph as it is, without passes: the reference for tests
	MaxMemory int64  // bytes of activations, packed weights and scratch allowed; 0 is what the machine has
	Precision string // of the products: "" or "f32", "bf16", "int8"

	// Samples is the only input as Run takes it: images like those to come.
	// int8 takes the ranges of activations from them; with them, a low
	// precision tells its Deviation.
	Samples *tensor.Tensor

	groupBytes int  // of levels; 0 is groupBytes
	together   bool // no streams
	spans      map[*graph.Value]*span
}

// Engine compiles programs for one machine.
type Engine interface {
	Name() string                    // e.g. "cpu (avx512, 2 threads)"
	Supports(precision string) error // nil, or why this machine lacks it
	// Compile ends early with ctx.
	Compile(context.Context, Program, Options) (Exec, error)
	Close() // lets the machine go; what was compiled cannot run any more
}

// Exec is a compiled program. It is not safe for concurrent use.
type Exec interface {
	// Run computes the outputs in the graph's order. The returned tensors
	// belong to the Exec and are overwritten by the next Run. Nothing is
	// allocated after the first call.
	Run(ctx context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error)
	// Arithmetic is a name of what computes, and how: programs of one graph and
	// one arithmetic give the same bytes, on any number of threads. It changes
	// with the kernels' arithmetic and with the algorithms that are chosen.
	Arithmetic() string
	// Memory is the number of bytes held: activations, packed weights, scratch.
	Memory() int64
	// Deviation is the relative L2 error of the outputs for Options.Samples
	// against float32; 0 where there was nothing to compare.
	Deviation() float64
}
