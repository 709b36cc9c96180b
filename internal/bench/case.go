// Package bench measures how fast networks run: the same work at several
// precisions, batches and image sizes, layer by layer against the machine's
// roofline, and from image files to features.
//
// Open → Compile → Measure → Rows: cases are compiled first and then take
// turns, so that a machine that is disturbed for a while disturbs all alike.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
)

// Spec says how a network is run.
type Spec struct {
	Precision string `json:"precision" csv:"precision"` // "f32", "bf16" or "int8"
	Batch     int    `json:"batch" csv:"batch"`         // images at once
	Size      int    `json:"size" csv:"size"`           // side of the square image in pixels
}

// Precisions are the names that a Spec may have, float32 first.
var Precisions = []string{"f32", "bf16", "int8"}

// Grid is every combination, sizes outermost and precisions innermost.
func Grid(precisions []string, batches, sizes []int) []Spec {
	var all []Spec
	for _, s := range sizes {
		for _, b := range batches {
			for _, p := range precisions {
				all = append(all, Spec{p, b, s})
			}
		}
	}
	return all
}

// Case is some work that is measured again and again.
type Case struct {
	Spec
	Network   string
	Images    int       // of one run
	Flops     float64   // multiplications and additions of one run, by direct convolution
	Compile   float64   // seconds from the read file to a program
	Deviation float64   // relative L2 error of the outputs against float32
	Seconds   []float64 // of one run, a number each round: the mean of the round's runs

	run    func(context.Context) error
	memory func() int64
	close  func()
	exec   engine.Exec
}

// Close gives the case's threads and memory back.
func (c *Case) Close() {
	if c.close != nil {
		c.close()
	}
}

// CloseAll closes cases.
func CloseAll(cases []*Case) {
	for _, c := range cases {
		c.Close()
	}
}

// newCase wraps a program and its inputs.
func newCase(network string, s Spec, x engine.Exec, in ...*tensor.Tensor) *Case {
	c := &Case{Spec: s, Network: network, Images: s.Batch, Deviation: x.Deviation(), memory: x.Memory, exec: x}
	c.run = func(ctx context.Context) error {
		_, err := x.Run(ctx, in...)
		return err
	}
	if p, ok := x.(engine.Profiler); ok {
		for _, n := range p.Profile() {
			c.Flops += n.Flops
		}
	}
	return c
}

// Missing is a precision that this machine does not have.
type Missing struct {
	Precision string `json:"precision"`
	Reason    string `json:"reason"`
}

// A Maker compiles what is to be measured of one spec.
type Maker func(context.Context, Spec) ([]*Case, error)

// Compile makes the cases of every spec; all are in memory then. A precision
// other than f32 that cannot be had is no error.
func Compile(ctx context.Context, specs []Spec, maker Maker, progress func(done int)) (cases []*Case, missing []Missing, err error) {
	for i, s := range specs {
		if err = ctx.Err(); err == nil && !lacks(missing, s.Precision) {
			var made []*Case
			made, err = maker(ctx, s)
			cases = append(cases, made...)
		}
		if lack := (lackError{}); errors.As(err, &lack) {
			missing = append(missing, Missing{s.Precision, lack.Error()})
		} else if err != nil {
			CloseAll(cases)
			return nil, nil, err
		}
		progress(i + 1)
	}
	return cases, missing, nil
}

func lacks(missing []Missing, precision string) bool {
	return slices.ContainsFunc(missing, func(m Missing) bool { return m.Precision == precision })
}

// lackError is why a precision cannot be had.
type lackError struct{ error }

// Forward makes the bare forward pass, on threads of its own, so that its
// memory is its own. Zero threads is all cores.
func (n *Network) Forward(threads int) Maker {
	return func(ctx context.Context, s Spec) ([]*Case, error) {
		c, err := n.compile(ctx, s, threads)
		if err != nil {
			return nil, err
		}
		return []*Case{c}, nil
	}
}

func (n *Network) compile(ctx context.Context, s Spec, threads int) (*Case, error) {
	e, err := engine.CPU(threads)
	if err != nil {
		return nil, err
	}
	if err := e.Supports(s.Precision); err != nil {
		e.Close()
		return nil, lackError{err}
	}
	start := time.Now()
	x, in, err := n.program(ctx, e, s)
	if err != nil {
		e.Close()
		return nil, err
	}
	c := newCase(n.Name, s, x, in...)
	c.Compile, c.close = time.Since(start).Seconds(), e.Close
	return c, nil
}

// program is the compiled network with inputs of random numbers, the first of
// which are its samples too.
func (n *Network) program(ctx context.Context, e engine.Engine, s Spec) (engine.Exec, []*tensor.Tensor, error) {
	g, err := graph.Import(n.model, graph.ImportOptions{Batch: s.Batch, Size: s.Size, Outputs: n.outputs})
	if err != nil {
		return nil, nil, fmt.Errorf("%d×%d pixels: %w (another --size, or --cut before the layer that wants one size: tl weights inspect lists the cuts)", s.Size, s.Size, err)
	}
	var bytes int64
	for _, v := range g.Inputs {
		bytes += 4 * int64(v.Shape.Size())
	}
	most, err := n.take(s, bytes)
	if err != nil {
		return nil, nil, err
	}
	var in []*tensor.Tensor
	for _, v := range g.Inputs {
		in = append(in, noise(v.Shape))
	}
	x, err := e.Compile(ctx, engine.Program{Graph: g}, engine.Options{Precision: s.Precision, Samples: in[0], MaxMemory: most})
	if err != nil {
		return nil, nil, n.refused(s, err)
	}
	n.taken += x.Memory()
	return x, in, nil
}

// noise is numbers between −2 and 2, as normalised images have them.
func noise(shape tensor.Shape) *tensor.Tensor {
	r := rand.New(rand.NewPCG(1, 1))
	x := tensor.New(shape...)
	for i := range x.Data {
		x.Data[i] = 4*r.Float32() - 2
	}
	return x
}
