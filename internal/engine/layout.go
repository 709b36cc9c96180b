package engine

import (
	"cmp"
	"slices"

	"github.com/tlkit/tl/internal/graph"
)

// layout says where every activation lives: in one arena, in which values
// whose lives do not overlap share memory.
type layout struct {
	size     int                      // float32 numbers in the arena
	buffers  map[*graph.Value]*buffer // computed values; views and in-place results share one
	external map[*graph.Value]int     // values that live in the caller's memory: which input
}

// buffer is a piece of the arena that is in use from step first to step last.
type buffer struct {
	size, offset int // float32 numbers
	first, last  int // node numbers, inclusive
}

// line is the unit of offsets: 16 float32 are one cache line.
const line = 16

// layOut plans the memory of g.
func layOut(g *graph.Graph) *layout {
	l := &layout{buffers: map[*graph.Value]*buffer{}, external: map[*graph.Value]int{}}
	for i, v := range g.Inputs {
		l.external[v] = i
	}
	last := lastUses(g)
	var all []*buffer
	for i, n := range g.Nodes {
		if isView(n) {
			if k, ok := l.external[n.In[0]]; ok {
				l.external[n.Out] = k
				continue
			}
			if b := l.buffers[n.In[0]]; b != nil {
				l.buffers[n.Out] = b
				continue
			}
		}
		b := l.shared(n, i)
		if b == nil {
			b = &buffer{size: n.Out.Shape.Size(), first: i}
			all = append(all, b)
		}
		b.last = last[n.Out]
		l.buffers[n.Out] = b
	}
	l.size = place(all)
	return l
}

// lastUses is, for each value, the last node that reads it or a view of it;
// an output of the graph is in use after the last node.
func lastUses(g *graph.Graph) map[*graph.Value]int {
	last := map[*graph.Value]int{}
	for i, n := range g.Nodes {
		last[n.Out] = i
		for _, v := range n.In {
			if v != nil {
				last[v] = i
			}
		}
	}
	for _, v := range g.Outputs {
		last[v] = len(g.Nodes)
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		if n := g.Nodes[i]; isView(n) {
			last[n.In[0]] = max(last[n.In[0]], last[n.Out])
		}
	}
	return last
}

// shared is the buffer of an input that node i may overwrite with its result:
// of the same shape and read by no later node. nil where there is none.
func (l *layout) shared(n *graph.Node, i int) *buffer {
	for k, v := range n.In {
		if !mayShare(n, k) || v == nil || !v.Shape.Equal(n.Out.Shape) {
			continue
		}
		if b := l.buffers[v]; b != nil && b.last == i && !l.alsoRead(n, k, b) {
			return b
		}
	}
	return nil
}

// alsoRead reports whether another input than k lies in buffer b and is read
// out of step with it.
func (l *layout) alsoRead(n *graph.Node, k int, b *buffer) bool {
	for j, v := range n.In {
		if j != k && v != nil && l.buffers[v] == b && !mayShare(n, j) {
			return true
		}
	}
	return false
}

// place sets the offsets, largest buffer first, each at the lowest free place,
// and returns the size of the arena.
func place(all []*buffer) int {
	slices.SortStableFunc(all, func(a, b *buffer) int { return cmp.Compare(b.size, a.size) })
	var placed []*buffer // by offset
	size := 0
	for _, b := range all {
		b.offset = 0
		for _, p := range placed {
			if p.last < b.first || b.last < p.first {
				continue
			}
			if b.offset+b.size <= p.offset {
				break
			}
			b.offset = max(b.offset, p.offset+(p.size+line-1)/line*line)
		}
		at, _ := slices.BinarySearchFunc(placed, b, func(p, b *buffer) int { return cmp.Compare(p.offset, b.offset) })
		placed = slices.Insert(placed, at, b)
		size = max(size, b.offset+b.size)
	}
	return size
}

// isView reports whether a node only changes the shape: its result is its
// input's memory.
func isView(n *graph.Node) bool {
	switch n.Op.Kind() {
	case "Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		return n.In[0].Const == nil
	}
	return false
}

// mayShare reports whether a node's operator may write its result over input
// k of the same shape: where it works element by element, and the residual of
// a convolution.
func mayShare(n *graph.Node, k int) bool {
	switch n.Op.Kind() {
	case "Add", "Sub", "Mul", "Div", "Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh":
		return true
	case "BatchNormalization":
		return k == 0
	case "Conv":
		return k == 3
	}
	return false
}
