package backbones

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// Options says how to open a backbone. Its zero value takes all from the file.
type Options struct {
	Cut          string // a name of Card.Cuts, or a value of the file; "" is before the classifier
	Size         int    // pixels a side; 0 is the file's own, or 224
	Unfreeze     int    // the last blocks before the cut that learn with the head; 0 freezes all
	UnfreezeFrom string // instead: a name of Card.Cuts or a value of the file from which on all learns

	Preprocess string // "" is to be detected; else torch, caffe, tf, rescale or none
	Pool       string // "" keeps the features' pixels, PoolMean averages each channel over them, PoolMeanMax adds its maximum
	Batch      int    // pictures computed at once; 0 means 8
	Threads    int    // 0 is all cores
	MaxMemory  int64  // bytes for activations and weights; 0 is what the machine has
	Raw        bool   // run the graph as it is in the file, without passes
	Dir        string // where weights are kept; "" is the default of package weights
}

// The values of Options.Pool.
const (
	PoolMean    = "mean"     // (C,H,W) → (C)
	PoolMeanMax = "mean+max" // (C,H,W) → (2C): the means, then the maxima
)

// usualSize is the side of ImageNet's pictures, for files that leave it open.
const usualSize = 224

// Open opens a backbone by a name of the catalogue, such as "resnet50", whose
// file must have been downloaded, or by the path of an ONNX file. It refuses a
// network whose preprocessing cannot be known unless o.Preprocess says it.
func Open(ref string, o Options) (*Backbone, error) {
	b, err := look(ref, o)
	if err != nil {
		return nil, err
	}
	if err := b.compile(o); err != nil {
		b.Close()
		return nil, fmt.Errorf("%s: %w", b.card.File, err)
	}
	return b, nil
}

// Inspect makes the card of a file without preparing to run it. Preprocess has
// no name where it is unknown; PreprocessWhy says why.
func Inspect(ref string, o Options) (Card, error) {
	b, err := look(ref, o)
	if err != nil {
		return Card{}, err
	}
	defer b.Close()
	return b.Card(), nil
}

// look reads a file and makes its card.
func look(ref string, o Options) (*Backbone, error) {
	path, name, err := resolve(ref, o.Dir)
	if err != nil {
		return nil, err
	}
	digest, err := onnx.Digest(path)
	if err != nil {
		return nil, err
	}
	e, _ := weights.LookupDigest(digest)
	if e.Refuse != "" {
		return nil, fmt.Errorf("%s: is %s: %s", path, e.Name, e.Refuse)
	}
	m, err := onnx.Read(path)
	if err != nil {
		return nil, err
	}
	b := &Backbone{m: m, card: Card{Name: name, File: path, Licence: e.Licence, Source: e.Source}}
	if b.card.Digest, err = b.digest(digest); err != nil {
		m.Close()
		return nil, err
	}
	b.card.Notes = slices.Clone(m.Notes)
	b.card.Notes = append(b.card.Notes, warned(m.NotFinite())...)
	if e.Note != "" {
		b.card.Notes = append(b.card.Notes, e.Note)
	}
	if err := b.study(o, e); err != nil {
		m.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// warned is the first few of many notes.
func warned(notes []string) []string {
	const most = 8
	if len(notes) <= most {
		return notes
	}
	return append(notes[:most:most], fmt.Sprintf("and %d more weights hold NaN or infinite numbers", len(notes)-most))
}

// resolve returns the file that ref means: a path where it looks like one, or
// a name of the catalogue.
func resolve(ref, dir string) (path, name string, err error) {
	if strings.HasSuffix(strings.ToLower(ref), ".onnx") || strings.ContainsRune(ref, os.PathSeparator) || strings.ContainsRune(ref, '/') {
		return ref, base(ref), nil
	}
	path, _, err = weights.Locate(ref, dir)
	return path, ref, err
}

// study fills the card: structure, cut, size, training, preprocessing.
func (b *Backbone) study(o Options, e weights.Entry) error {
	b.card.Size = o.Size
	places, err := b.places(o.Cut)
	if err != nil {
		return err
	}
	for _, p := range places {
		b.card.Cuts = append(b.card.Cuts, Cut{Name: p.name, Value: p.value.Name})
	}
	b.card.Cut, b.card.CutName = b.card.find(o.Cut)
	if k := len(b.card.Cuts); o.Cut == "" && o.UnfreezeFrom != "" && k > 0 {
		b.card.Cut, b.card.CutName = b.card.Cuts[k-1].Value, b.card.Cuts[k-1].Name // something must be behind it
	}
	if err := b.importCut(); err != nil {
		return err
	}
	b.measureCuts()
	b.layers = layers(b.graph)
	if err := b.unfreeze(o); err != nil {
		return err
	}
	b.body = b.wholeBody()
	b.card.Untrained = untrained(b.body)
	if o.Preprocess != "" {
		b.card.Preprocess, err = Named(o.Preprocess)
		b.card.PreprocessWhy = "as asked for"
		return err
	}
	if p, why, ok := b.detect(e); ok {
		b.card.Preprocess, b.card.PreprocessWhy = p, why
	} else {
		b.card.PreprocessWhy = why
	}
	return nil
}

// places reads the whole network at the file's own size and finds its named
// cuts. When it cannot be read as a whole, a cut that the user names is enough.
func (b *Backbone) places(cut string) ([]place, error) {
	g, err := b.importAt(0, nil)
	if err != nil {
		if cut != "" && slices.ContainsFunc(b.m.Nodes, func(n onnx.Node) bool { return slices.Contains(n.Outputs, cut) }) {
			b.card.Notes = append(b.card.Notes, fmt.Sprintf("read up to %q only: %v", cut, err))
			if g, err = b.importAt(0, []string{cut}); err != nil {
				return nil, err
			}
			b.all = layers(g)
			return nil, b.setLayout(g)
		}
		return nil, fmt.Errorf("%w (export the network anew, or use it up to a value before that with --cut VALUE)", err)
	}
	b.all = layers(g)
	if err := b.setLayout(g); err != nil {
		return nil, err
	}
	net := newNetwork(g)
	trunk, err := net.trunk()
	if err != nil {
		return nil, err
	}
	return net.upTo(trunk).places(), nil
}

// wholeBody returns the network up to its last named cut: what a network is
// and how it was trained shows in all of it, wherever the user cuts.
func (b *Backbone) wholeBody() *graph.Graph {
	if n := len(b.card.Cuts); n > 0 && b.card.Cuts[n-1].Value != b.card.Cut {
		if g, err := b.importAt(0, []string{b.card.Cuts[n-1].Value}); err == nil {
			return g
		}
	}
	return b.graph
}

// importAt imports the values outputs, or all, for one picture of the given
// size; 0 is the file's own size, or 224 where the file leaves it open.
func (b *Backbone) importAt(size int, outputs []string) (*graph.Graph, error) {
	g, err := graph.Import(b.m, graph.ImportOptions{Batch: 1, Size: size, Outputs: outputs})
	if err != nil && size == 0 {
		if g, again := graph.Import(b.m, graph.ImportOptions{Batch: 1, Size: usualSize, Outputs: outputs}); again == nil {
			return g, nil
		}
	}
	return g, trimmed(err, b.card.File)
}

// trimmed takes the file's name off an error, since Open puts its path on.
func trimmed(err error, path string) error {
	if err == nil {
		return nil
	}
	if rest, ok := strings.CutPrefix(err.Error(), filepath.Base(path)+": "); ok {
		return errors.New(rest)
	}
	return err
}

// setLayout finds the order of the input's axes and the file's own size.
func (b *Backbone) setLayout(whole *graph.Graph) error {
	in := whole.Inputs
	if len(in) != 1 {
		return fmt.Errorf("wants %d inputs, one picture was expected", len(in))
	}
	s := in[0].Shape
	switch {
	case len(s) == 4 && s[1] == 3:
		b.card.Layout = "NCHW"
	case len(s) == 4 && s[3] == 3:
		b.card.Layout = "NHWC"
		s = tensor.Shape{s[0], 3, s[1], s[2]}
	default:
		return fmt.Errorf("input %q is %v, wanted three colours: (N,3,H,W) or (N,H,W,3)", in[0].Name, s)
	}
	if b.card.Size == 0 {
		if b.card.Size = s[2]; s[2] != s[3] {
			return fmt.Errorf("its own input is %d×%d pixels, pictures are square: give a size", s[2], s[3])
		}
	}
	return nil
}

// importCut imports the network up to the cut at the card's size.
func (b *Backbone) importCut() (err error) {
	c := &b.card
	if c.Size < 1 || c.Size > 1<<14 {
		return fmt.Errorf("size %d, wanted 1 to %d pixels", c.Size, 1<<14)
	}
	if b.graph, err = b.importAt(c.Size, []string{c.Cut}); err != nil {
		if least := b.leastSize(); least > c.Size {
			return fmt.Errorf("size %d is too small for cut %s: %w (at least %d is needed)", c.Size, c.CutName, err, least)
		}
		b.measureCuts()
		return fmt.Errorf("cut %q: %w; named cuts are %s", c.CutName, err, c.cutNames())
	}
	s := b.graph.Outputs[0].Shape
	if len(s) != 4 {
		b.measureCuts()
		return fmt.Errorf("cut %q has shape %v, wanted a feature map (N,C,H,W); named cuts are %s", c.CutName, s, c.cutNames())
	}
	return nil
}

// leastSize returns the smallest size that the cut can be computed for, or 0
// when no size up to 1024 works.
func (b *Backbone) leastSize() int {
	works := func(size int) bool {
		_, err := b.importAt(size, []string{b.card.Cut})
		return err == nil
	}
	lo, hi := 0, 1024
	if !works(hi) {
		return 0
	}
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; works(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// measureCuts fills in the shapes of the named cuts at the card's size.
func (b *Backbone) measureCuts() {
	shapes := func(g *graph.Graph) {
		at := map[string]tensor.Shape{}
		for _, n := range g.Nodes {
			at[n.Out.Name] = n.Out.Shape
		}
		for i, cut := range b.card.Cuts {
			if s := at[cut.Value]; s != nil {
				b.card.Cuts[i].Shape = s[1:].Clone()
			}
		}
	}
	if b.graph != nil {
		shapes(b.graph)
	}
	for i := range b.card.Cuts {
		if cut := &b.card.Cuts[len(b.card.Cuts)-1-i]; cut.Shape == nil {
			if g, err := b.importAt(b.card.Size, []string{cut.Value}); err == nil {
				shapes(g)
			}
		}
	}
}
