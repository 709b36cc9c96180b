package graph

import (
	"fmt"
	"slices"

	"github.com/tlkit/tl/internal/op"
)

// passes make a network cheaper without changing its results beyond rounding.
// They run in this order, again and again until none finds anything to do.
var passes = []pass{
	{"drop identities", dropIdentity},  // Identity, Dropout, reshapes and transposes that change nothing
	{"sink transposes", sinkTranspose}, // towards the outputs, until two of them cancel
	{"fold pads", foldPad},             // Pad into the convolution or pool behind it
	{"fold scales", foldScale},         // BatchNormalization and per-channel arithmetic into the convolution before it
	{"fuse residuals", fuseResidual},   // Add into the convolution that computes one side
	{"fuse clamps", fuseClamp},         // Relu and Clip into the convolution before it
	{"fuse dense bias", fuseDenseBias}, // MatMul + Add into Gemm
}

// trainingPasses leave every weight that may learn as the file has it.
var trainingPasses = []pass{
	{"drop identities", dropIdentity},
	{"fold pads", foldPad},
	{"fuse frozen norms", fuseFrozenNorm}, // BatchNormalization into the convolution before it, whose weights go on learning
	{"fuse residuals", fuseResidual},
	{"fuse clamps", fuseClamp},
}

// pass is one rewriting of the graph. Its function is shown every node in
// topological order, rewrites it in place if its surroundings allow, and says
// whether it did. What a rewritten node no longer reads is pruned afterwards.
type pass struct {
	name    string
	rewrite func(e *editor, n *Node) bool
}

// maxRounds bounds the repetition; real networks need three or four rounds.
const maxRounds = 50

// Optimise returns a graph with the same inputs, outputs and results that
// needs less work. g is not changed; constants that stay are shared with it.
// A value that leaves the graph keeps its place and shape, not its name.
func Optimise(g *Graph) (*Graph, error) { return rewrite(g, passes) }

// ForTraining is Optimise for a network whose weights will change: they stay
// constants of their own, and nothing is computed from them beforehand. Batch
// norms that follow a convolution become part of it, frozen; with norms they
// stay, so that their scale and bias can learn too.
func ForTraining(g *Graph, norms bool) (*Graph, error) {
	list := trainingPasses
	if norms {
		list = slices.DeleteFunc(slices.Clone(list), func(p pass) bool { return p.name == "fuse frozen norms" })
	}
	return rewrite(g, list)
}

// rewrite applies passes until none finds anything to do.
func rewrite(g *Graph, passes []pass) (*Graph, error) {
	g = clone(g)
	for range maxRounds {
		changed := false
		for _, p := range passes {
			did := sweep(g, p)
			if err := check(g); did && err != nil {
				return nil, fmt.Errorf("pass %q: %w", p.name, err)
			}
			changed = changed || did
		}
		if !changed {
			break
		}
	}
	return g, nil
}

// editor is what a pass may ask and do while it walks the graph.
type editor struct {
	maker map[*Value]*Node  // the node that computes a value
	reads map[*Value]int    // how many node inputs and graph outputs a value feeds
	alias map[*Value]*Value // values replaced by others
	done  []*Node
}

// sweep shows p every node once.
func sweep(g *Graph, p pass) (changed bool) {
	e := &editor{maker: map[*Value]*Node{}, reads: map[*Value]int{}, alias: map[*Value]*Value{}}
	for _, n := range g.Nodes {
		e.maker[n.Out] = n
		for _, v := range n.In {
			e.reads[v]++
		}
	}
	for _, v := range g.Outputs {
		e.reads[v]++
	}
	for _, n := range g.Nodes {
		for i, v := range n.In {
			n.In[i] = e.now(v)
		}
		if p.rewrite(e, n) {
			changed = true
		}
		e.done = append(e.done, n)
	}
	for i, v := range g.Outputs {
		g.Outputs[i] = e.now(v)
	}
	g.Nodes = e.done
	prune(g)
	return changed
}

// now is the value that stands for v.
func (e *editor) now(v *Value) *Value {
	for e.alias[v] != nil {
		v = e.alias[v]
	}
	return v
}

// replace lets v stand for the result of n from here on.
func (e *editor) replace(n *Node, v *Value) bool {
	e.alias[n.Out] = v
	e.reads[v] += e.reads[n.Out]
	return true
}

// set gives n another operator and inputs; its result stays the same value.
func (e *editor) set(n *Node, o op.Op, in ...*Value) bool {
	for _, v := range n.In {
		e.reads[v]--
	}
	for _, v := range in {
		e.reads[v]++
	}
	n.Op, n.In = o, in
	return true
}

// before puts a new node in front of the one that is being rewritten.
func (e *editor) before(n *Node) *Value {
	for _, v := range n.In {
		e.reads[v]++
	}
	e.maker[n.Out] = n
	e.done = append(e.done, n)
	return n.Out
}

// only returns the node that computes v if its operator is a T and nothing
// else reads v.
func only[T op.Op](e *editor, v *Value) (n *Node, o T) {
	if n, o = made[T](e, v); n == nil || e.reads[v] != 1 {
		return nil, o
	}
	return n, o
}

// made returns the node that computes v if its operator is a T.
func made[T op.Op](e *editor, v *Value) (n *Node, o T) {
	if n = e.maker[v]; n == nil {
		return nil, o
	}
	o, ok := n.Op.(T)
	if !ok {
		return nil, o
	}
	return n, o
}

// clone copies the graph's structure; constants are shared.
func clone(g *Graph) *Graph {
	values := map[*Value]*Value{nil: nil}
	copyOf := func(in []*Value) []*Value {
		out := make([]*Value, len(in))
		for i, v := range in {
			if values[v] == nil && v != nil {
				c := *v
				values[v] = &c
			}
			out[i] = values[v]
		}
		return out
	}
	c := &Graph{Name: g.Name, Inputs: copyOf(g.Inputs)}
	for _, n := range g.Nodes {
		c.Nodes = append(c.Nodes, &Node{Name: n.Name, Op: n.Op, In: copyOf(n.In), Out: copyOf([]*Value{n.Out})[0]})
	}
	c.Outputs = copyOf(g.Outputs)
	return c
}

// check makes sure that every operator still gives the shape of its output.
func check(g *Graph) error {
	for _, n := range g.Nodes {
		s, err := n.Op.Shape(shapesOf(n.In)...)
		if err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Name, n.Op.Kind(), err)
		}
		if !s.Equal(n.Out.Shape) {
			return fmt.Errorf("node %q (%s): makes %v, wanted %v", n.Name, n.Op.Kind(), s, n.Out.Shape)
		}
	}
	return nil
}
