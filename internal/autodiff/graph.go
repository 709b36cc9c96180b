// Package autodiff puts our operators into Gorgonia's graph: Gorgonia
// differentiates and schedules, internal/op computes.
//
// What it takes care of, all measured on gorgonia v0.9.18:
//   - the machine forgets every register between steps, so each operator owns
//     its output buffer and hands out the same one each time;
//   - every gradient node in the graph is executed, so an operator never offers
//     a gradient for an input that no parameter stands behind;
//   - nodes of equal hash are merged, so each operator carries its own number;
//   - operators run in a goroutine of the machine's, where a panic would end
//     the process, so each one recovers and returns an error;
//   - building touches a global node, so one lock is held while building.
package autodiff

import (
	"fmt"
	"sync"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	_ "go4.org/unsafe/assume-no-moving-gc" // the pinned version; without it Gorgonia panics at start
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// building is held while a graph is made: Gorgonia's Grad hashes a global node.
var building sync.Mutex

// Node is a value in a Gorgonia graph.
type Node = gorgonia.Node

// Graph is a network under construction. It is not safe for concurrent use;
// different Graphs may be built at the same time.
type Graph struct {
	expr   *gorgonia.ExprGraph
	dev    *cpu.Device
	count  uint64          // operators so far: the next one's number
	names  map[string]bool // input names; Gorgonia would merge equal ones
	needs  map[*Node]bool  // nodes that a parameter stands behind
	params gorgonia.Nodes  // in the order of the calls of Param
	failed error           // the first error of an operator in the present run
}

// NewGraph returns an empty graph whose operators run on d.
func NewGraph(d *cpu.Device) *Graph {
	return &Graph{expr: gorgonia.NewGraph(), dev: d, names: map[string]bool{}, needs: map[*Node]bool{}}
}

// Input adds data: no gradient is computed for it. The node reads t.Data at
// each run; see Feed for another array. A graph that is only measured needs no
// Data.
func (g *Graph) Input(name string, t *tensor.Tensor) (*Node, error) { return g.leaf(name, t) }

// Param adds a parameter, a view of t that a solver changes in place.
func (g *Graph) Param(name string, t *tensor.Tensor) (*Node, error) {
	n, err := g.leaf(name, t)
	if err != nil {
		return nil, err
	}
	g.needs[n] = true
	g.params = append(g.params, n)
	return n, nil
}

func (g *Graph) leaf(name string, t *tensor.Tensor) (*Node, error) {
	if g.names[name] {
		return nil, fmt.Errorf("autodiff: two inputs are named %q", name)
	}
	if len(t.Shape) == 0 {
		return nil, fmt.Errorf("autodiff: input %q is a scalar, want at least one axis", name)
	}
	g.names[name] = true
	building.Lock()
	defer building.Unlock()
	options := []gorgonia.NodeConsOpt{gorgonia.WithName(name), gorgonia.WithShape(t.Shape...)}
	if t.Data != nil {
		options = append(options, gorgonia.WithValue(dense(t)))
	}
	return gorgonia.NewTensor(g.expr, gt.Float32, len(t.Shape), options...), nil
}

// Feed makes an input read data from the next run on; its length must be the
// input's. The array is not copied.
func Feed(n *Node, data []float32) error {
	if want := n.Shape().TotalSize(); len(data) != want {
		return fmt.Errorf("autodiff: input %q wants %d numbers, got %d", n.Name(), want, len(data))
	}
	return gorgonia.Let(n, dense(&tensor.Tensor{Shape: tensor.Shape(n.Shape()), Data: data}))
}

// Apply adds o to the graph under a name for error messages. A nil input is an
// omitted optional one.
func (g *Graph) Apply(name string, o op.Differentiable, in ...*Node) (*Node, error) {
	building.Lock()
	defer building.Unlock()
	f, children, err := newForward(g, name, o, in)
	if err != nil {
		return nil, err
	}
	n, err := gorgonia.ApplyOp(f, children...)
	if err != nil {
		return nil, fmt.Errorf("%s (%s): %w", name, o.Kind(), err)
	}
	for _, need := range f.need {
		g.needs[n] = g.needs[n] || need
	}
	return n, nil
}

// number returns the next operator's number.
func (g *Graph) number() uint64 {
	g.count++
	return g.count
}
