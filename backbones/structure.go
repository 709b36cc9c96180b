package backbones

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tlkit/tl/internal/graph"
)

// network answers questions about the structure of a graph. Names tell
// nothing: every exporter gives others.
type network struct {
	g     *graph.Graph
	maker map[*graph.Value]*graph.Node
	users map[*graph.Value][]*graph.Node
}

func newNetwork(g *graph.Graph) *network {
	n := &network{g: g, maker: map[*graph.Value]*graph.Node{}, users: map[*graph.Value][]*graph.Node{}}
	for _, node := range g.Nodes {
		n.maker[node.Out] = node
		for _, v := range node.In {
			if v != nil {
				n.users[v] = append(n.users[v], node)
			}
		}
	}
	return n
}

// kind returns the operator that makes v, "" for an input or a constant.
func (n *network) kind(v *graph.Value) string {
	if p := n.maker[v]; p != nil {
		return p.Op.Kind()
	}
	return ""
}

// data returns a node's first input that is no constant.
func data(p *graph.Node) *graph.Value {
	for _, v := range p.In {
		if v != nil && v.Const == nil {
			return v
		}
	}
	return nil
}

var (
	activations = []string{"Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "PRelu", "Softplus"}
	globalPools = []string{"GlobalAveragePool", "GlobalMaxPool", "ReduceMean"}
	// tail is what may lie between the last feature map and the classifier.
	tail = append([]string{"AveragePool", "Dropout", "Identity", "Transpose", "Reshape", "Softmax"}, globalPools...)
)

// trunk returns the value before the classifier: the last feature map
// (N,C,H,W) on the way to the output. It walks back from the output over dense
// layers, flattening and pooling, and over convolutions that are dense layers
// in disguise.
func (n *network) trunk() (*graph.Value, error) {
	v := n.g.Outputs[0]
	classes := v.Shape[len(v.Shape)-1]
	if len(v.Shape) == 4 {
		classes = v.Shape[1]
	}
	var seen []string
	for {
		p := n.maker[v]
		if p == nil {
			return nil, errors.New("no convolution is found before the output: it is no image network with a feature map (N,C,H,W)")
		}
		q := n.through(p, activations)
		switch {
		case len(v.Shape) != 4 || slices.Contains(tail, p.Op.Kind()):
			seen = append(seen, p.Op.Kind())
			v = data(p)
		case q.Op.Kind() == "Conv" && (n.isDense(q) || n.isClassifier(q, classes, seen)):
			seen = append(seen, "Gemm")
			v = data(q)
		default:
			return v, nil
		}
	}
}

// through walks back from p over nodes of the given kinds.
func (n *network) through(p *graph.Node, kinds []string) *graph.Node {
	for slices.Contains(kinds, p.Op.Kind()) {
		before := n.maker[data(p)]
		if before == nil {
			return p
		}
		p = before
	}
	return p
}

// isDense reports whether a convolution is a dense layer in disguise, as timm's
// VGG has them: its window is its whole input, (N,C,H,W) → (N,K,1,1). One with
// a 1×1 window on 1×1 pixels is so only behind another one or a global pool.
func (n *network) isDense(conv *graph.Node) bool {
	x, w, y := conv.In[0].Shape, conv.In[1].Shape, conv.Out.Shape
	if y[2] != 1 || y[3] != 1 || x[2] != w[2] || x[3] != w[3] {
		return false
	}
	if w[2] > 1 || w[3] > 1 {
		return true
	}
	before := n.maker[conv.In[0]]
	if before == nil {
		return false
	}
	before = n.through(before, append([]string{"Dropout", "Identity"}, activations...))
	return slices.Contains(globalPools, before.Op.Kind()) || before.Op.Kind() == "Conv" && n.isDense(before)
}

// isClassifier reports whether a convolution before the last pooling gives the
// scores of the classes, as SqueezeNet's does. kinds are those behind it.
func (n *network) isClassifier(conv *graph.Node, classes int, kinds []string) bool {
	if conv.Out.Shape[1] != classes || slices.Contains(kinds, "Gemm") || slices.Contains(kinds, "MatMul") ||
		!slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(globalPools, k) || k == "AveragePool" }) {
		return false
	}
	imageNet := classes == 1000 || classes == 1001 || classes == 21841 // 1001: with a background class; 21841: ImageNet-21k
	return imageNet || slices.Contains(kinds, "Softmax") || n.kind(conv.In[0]) == "Dropout"
}

// upTo returns the network that v needs.
func (n *network) upTo(v *graph.Value) *network {
	need := map[*graph.Value]bool{v: true}
	g := &graph.Graph{Name: n.g.Name, Inputs: n.g.Inputs, Outputs: []*graph.Value{v}}
	for _, node := range slices.Backward(n.g.Nodes) {
		if !need[node.Out] {
			continue
		}
		g.Nodes = append(g.Nodes, node)
		for _, in := range node.In {
			need[in] = true
		}
	}
	slices.Reverse(g.Nodes)
	return newNetwork(g)
}

// separators lists the values that everything passes through, in order: at
// such a place a single array carries all that the rest of the network needs.
func (n *network) separators() []*graph.Value {
	last := map[*graph.Value]int{}
	for i, node := range n.g.Nodes {
		for _, v := range node.In {
			if v != nil && v.Const == nil {
				last[v] = i
			}
		}
	}
	var found []*graph.Value
	until := -1 // the last node that reads one of the values before this one
	for _, v := range n.g.Inputs {
		until = max(until, last[v])
	}
	for i, node := range n.g.Nodes {
		if until <= i {
			found = append(found, node.Out)
		}
		until = max(until, last[node.Out])
	}
	return found
}

// place is a named value to cut at.
type place struct {
	name  string
	value *graph.Value
}

// places lists the named cuts of a network that ends at its trunk, coarsest
// last. The last one is the trunk itself.
//
//	residual networks   stage1 … the value behind the last addition of each resolution
//	VGG, AlexNet        block1 … each max pooling
//	others              stage1 … the last value of each resolution from a quarter of the image down
func (n *network) places() []place {
	trunk := n.g.Outputs[0]
	values, name := n.joins(), "stage"
	if resolutions(values) < 2 {
		values = n.pools()
		name = "block"
	}
	if resolutions(values) < 2 {
		values = n.coarse()
		name = "stage"
	}
	var list []place
	for i, v := range values {
		if i+1 < len(values) && sameSize(v, values[i+1]) || sameSize(v, trunk) {
			continue
		}
		list = append(list, place{fmt.Sprintf("%s%d", name, len(list)+1), v})
	}
	return append(list, place{fmt.Sprintf("%s%d", name, len(list)+1), trunk})
}

// sameSize reports whether two feature maps have the same height and width.
func sameSize(a, b *graph.Value) bool { return slices.Equal(a.Shape[2:], b.Shape[2:]) }

// resolutions counts the different sizes in values, which are in order.
func resolutions(values []*graph.Value) int {
	return len(slices.CompactFunc(slices.Clone(values), sameSize))
}

// joins lists the ends of the residual blocks: additions of two feature maps,
// with the activation behind them, that everything passes through.
func (n *network) joins() []*graph.Value {
	all := n.separators()
	var found []*graph.Value
	for _, v := range all {
		p := n.maker[v]
		if k := p.Op.Kind(); k != "Add" && k != "Sum" || len(v.Shape) != 4 || len(p.In) != 2 {
			continue
		}
		if p.In[0].Const != nil || p.In[1].Const != nil || !p.In[0].Shape.Equal(p.In[1].Shape) {
			continue
		}
		if u := n.users[v]; len(u) == 1 && slices.Contains(activations, u[0].Op.Kind()) {
			v = u[0].Out
		}
		found = append(found, v)
	}
	return found
}

// pools lists the max poolings that everything passes through, in a network
// without branches.
func (n *network) pools() []*graph.Value {
	var found []*graph.Value
	all := n.separators()
	for _, v := range all {
		if n.kind(v) == "MaxPool" {
			found = append(found, v)
		}
	}
	if len(all) != len(n.g.Nodes) {
		return nil
	}
	return found
}

// coarse lists the last separator of each resolution from a quarter of the
// image down, leaving out what only moves or pads data.
func (n *network) coarse() []*graph.Value {
	image := n.g.Inputs[0].Shape
	limit := max(image[1], image[2], image[3])/4 + 1
	var found []*graph.Value
	for _, v := range n.separators() {
		if len(v.Shape) != 4 || v.Shape[2] > limit || slices.Contains([]string{"Transpose", "Pad", "Reshape"}, n.kind(v)) {
			continue
		}
		if k := len(found); k > 0 && sameSize(found[k-1], v) {
			found[k-1] = v
			continue
		}
		found = append(found, v)
	}
	return found
}
