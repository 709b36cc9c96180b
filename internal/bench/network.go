package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// Network is what is measured: a file, and where it ends.
type Network struct {
	Name string // e.g. "resnet50", or "resnet50 stage3" where it is cut
	Note string // what to know about it, or ""
	Cut  string // where it ends: the cut's name, or Whole
	Why  string // it ends there, or ""

	path    string
	made    string   // folder of a file that was made for this, or ""
	outputs []string // values wanted; nil is the file's own
	model   *onnx.Model
	memory  int64 // bytes that all cases may take together; 0 is no limit
	taken   int64 // of those
}

// Whole is the cut of a network that is not cut.
const Whole = "none"

// Ask says which network.
type Ask struct {
	Backbone   string // ONNX file, or a name of the catalogue or of weights.SeededNames; "" is a seeded ResNet50
	Cut        string // a named cut, a value, or Whole; "" is where finetune takes features, and Whole where there is no such place
	Features   bool   // there must be such a place
	Memory     int64  // bytes that all cases may take together; 0 is no limit
	WeightsDir string // where named weights are; "" is the default of package weights
}

// Open opens the network that is asked for. A name whose file is not here
// stands for the same structure with random weights: they take as long.
func Open(a Ask) (*Network, error) {
	n := &Network{memory: a.Memory}
	if err := n.open(a); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Network) open(a Ask) (err error) {
	if err := n.find(a); err != nil {
		return err
	}
	if err := n.end(a); err != nil {
		return err
	}
	n.model, err = onnx.Read(n.path)
	return err
}

// end sets where the network ends.
func (n *Network) end(a Ask) error {
	n.Cut = Whole
	if a.Cut == Whole {
		return nil
	}
	c, err := backbones.Inspect(n.path, backbones.Options{Cut: a.Cut})
	switch {
	case err == nil:
		n.Name, n.outputs, n.Cut = n.Name+" "+c.CutName, []string{c.Cut}, c.CutName
		if a.Cut == "" {
			n.Why = "where tl finetune takes features; --cut " + Whole + " measures the whole network"
		}
	case a.Cut != "" || a.Features:
		return err
	default:
		n.Why = "no backbone: " + err.Error()
	}
	return nil
}

// Close gives the file back.
func (n *Network) Close() error {
	if n.model != nil {
		n.model.Close()
	}
	if n.made == "" {
		return nil
	}
	return os.RemoveAll(n.made)
}

// find sets the file: the one that is given or named, else a seeded one.
func (n *Network) find(a Ask) (err error) {
	if strings.HasSuffix(strings.ToLower(a.Backbone), ".onnx") {
		n.Name, n.path = strings.TrimSuffix(filepath.Base(a.Backbone), ".onnx"), a.Backbone
		return nil
	}
	if n.Name = a.Backbone; n.Name == "" {
		n.Name = "resnet50"
		return n.seed()
	}
	n.path, _, err = weights.Locate(a.Backbone, a.WeightsDir)
	if err != nil && slices.Contains(weights.SeededNames(), a.Backbone) {
		return n.seed()
	}
	return err
}

// seed writes the named network with random weights to a temporary folder.
func (n *Network) seed() error {
	m, err := weights.Seeded(n.Name, weights.SeededOptions{})
	if err != nil {
		return err
	}
	if n.made, err = os.MkdirTemp("", "tl-bench-"); err != nil {
		return err
	}
	n.Note = "random weights: speed is the same"
	n.path = filepath.Join(n.made, n.Name+".onnx")
	return onnx.WriteFile(n.path, m)
}
