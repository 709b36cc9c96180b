package backbones

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/onnx"
)

// Unfrozen is the part of a backbone before its cut that learns with the head.
type Unfrozen struct {
	From   string // the value in the file where the frozen part ends
	Name   string // its name among Cuts, or the value again
	Shape  []int  // (C,H,W) of one picture there, at the card's size
	Blocks int    // how many blocks are behind it; 0 where a value was named
}

// Part is what a head needs to know of an unfrozen part to take it over.
type Part struct {
	Model *onnx.Model // holds it; ends with the backbone's Close
	From  string      // the value fed to it
	Shape []int       // (C,H,W) of one item of From
	To    string      // the value (N,C,H,W) that it ends with
	Pool  string      // how that is pooled, as Options.Pool
}

// Part returns the unfrozen part, nil where all is frozen.
func (b *Backbone) Part() *Part {
	u := b.card.Unfrozen
	if u == nil {
		return nil
	}
	return &Part{Model: b.m, From: u.From, Shape: slices.Clone(u.Shape), To: b.card.Cut, Pool: b.card.Pool}
}

// End is the value in the file where the frozen part ends.
func (c Card) End() string {
	if c.Unfrozen != nil {
		return c.Unfrozen.From
	}
	return c.Cut
}

// unfreeze finds where the frozen part ends. It wants the network up to the cut.
func (b *Backbone) unfreeze(o Options) error {
	if o.Unfreeze == 0 && o.UnfreezeFrom == "" {
		return nil
	}
	if o.Unfreeze != 0 && o.UnfreezeFrom != "" {
		return fmt.Errorf("a number of blocks and a value to unfreeze from were both given: want one")
	}
	u := &Unfrozen{Blocks: o.Unfreeze}
	var err error
	if o.UnfreezeFrom != "" {
		u.From, u.Name = b.card.find(o.UnfreezeFrom)
	} else if u.From, err = newNetwork(b.graph).lastBlocks(o.Unfreeze); err != nil {
		return fmt.Errorf("unfreeze %d blocks before cut %s: %w", o.Unfreeze, b.card.CutName, err)
	} else {
		_, u.Name = b.card.find(u.From)
	}
	if err := b.checkFrom(u); err != nil {
		return err
	}
	g, err := b.importAt(b.card.Size, []string{u.From})
	if err != nil {
		return err
	}
	b.layers = layers(g)
	u.Shape = g.Outputs[0].Shape[1:].Clone()
	b.card.Unfrozen = u
	return nil
}

// checkFrom wants a feature map that all of the network up to the cut passes
// through, and something to learn behind it.
func (b *Backbone) checkFrom(u *Unfrozen) error {
	n := newNetwork(b.graph)
	places := n.separators()
	names := func() string {
		var list []string
		for _, v := range n.blocks() {
			if v != b.graph.Outputs[0] {
				list = append(list, fmt.Sprintf("%q", v.Name))
			}
		}
		return strings.Join(list, ", ")
	}
	i := slices.IndexFunc(places, func(v *graph.Value) bool { return v.Name == u.From })
	switch {
	case u.From == b.card.Cut:
		return fmt.Errorf("unfreeze from %q: that is the cut itself, nothing is behind it (a later --cut, or one of %s)", u.Name, names())
	case i < 0:
		return fmt.Errorf("unfreeze from %q: it is no value before cut %s that everything passes through (block ends are %s)", u.Name, b.card.CutName, names())
	case len(places[i].Shape) != 4:
		return fmt.Errorf("unfreeze from %q: it has shape %v, wanted a feature map (N,C,H,W) (block ends are %s)", u.Name, places[i].Shape, names())
	}
	return nil
}

// lastBlocks returns the value behind which the last count blocks are.
func (n *network) lastBlocks(count int) (from string, err error) {
	ends := n.blocks()
	if count < 1 || count > len(ends)-1 {
		return "", fmt.Errorf("wants 1 to %d", len(ends)-1)
	}
	return ends[len(ends)-1-count].Name, nil
}

// blocks lists the ends of a network's blocks in order, the network's own end
// last. The first one is where the first block begins.
//
//	residual networks   each addition, with the activation behind it (ResNet's bottlenecks)
//	VGG, AlexNet        each max pooling (VGG's stages)
//	others              the last value of each resolution
func (n *network) blocks() []*graph.Value {
	end := n.g.Outputs[0]
	ends := n.joins()
	if len(ends) > 0 {
		if v := n.stem(ends[0]); v != nil {
			ends = slices.Insert(ends, 0, v)
		}
	} else if ends = n.pools(); len(ends) < 2 {
		ends = n.coarse()
	}
	if len(ends) == 0 || ends[len(ends)-1] != end {
		ends = append(ends, end)
	}
	return ends
}

// stem returns the value where the first residual block, which ends at join,
// begins: the last one before it that everything passes through and that more
// than one node reads.
func (n *network) stem(join *graph.Value) *graph.Value {
	var found *graph.Value
	for _, v := range n.separators() {
		if v == join {
			break
		}
		if len(n.users[v]) > 1 && len(v.Shape) == 4 {
			found = v
		}
	}
	return found
}
