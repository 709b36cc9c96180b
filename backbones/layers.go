package backbones

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"os"
	"slices"

	"github.com/tlkit/tl/internal/graph"
)

// Layer is one operator of a network.
type Layer struct {
	Name   string
	Op     string
	Output []int // of one picture, without the batch
	Params int64 // weights and biases; of a batch norm scale and shift, as Keras counts trainable ones
}

// Layers lists what is frozen, up to the cut, at the card's size.
func (b *Backbone) Layers() []Layer { return slices.Clone(b.layers) }

// AllLayers lists the whole network of the file with its classifier, at the
// file's own size.
func (b *Backbone) AllLayers() []Layer { return slices.Clone(b.all) }

// Params adds up the parameters of layers.
func Params(list []Layer) (total int64) {
	for _, l := range list {
		total += l.Params
	}
	return total
}

// learned is how many inputs of an operator, from the second on, hold what
// training changes.
var learned = map[string]int{"Conv": 2, "Gemm": 2, "MatMul": 1, "Add": 1, "BatchNormalization": 2}

// layers lists the nodes; a weight that several nodes share counts once.
func layers(g *graph.Graph) []Layer {
	counted := map[*graph.Value]bool{}
	var list []Layer
	for _, n := range g.Nodes {
		l := Layer{Name: n.Name, Op: n.Op.Kind(), Output: n.Out.Shape[min(1, len(n.Out.Shape)):].Clone()}
		in := n.In
		if len(in) > 0 && l.Op != "Add" && l.Op != "MatMul" {
			in = in[1:min(len(in), 1+learned[l.Op])]
		}
		for _, v := range in {
			if learned[l.Op] > 0 && v != nil && v.Const != nil && !counted[v] {
				counted[v] = true
				l.Params += int64(v.Shape.Size())
			}
		}
		list = append(list, l)
	}
	return list
}

// digest returns the card's digest: that of the file, or where weights lie in
// other files that of both.
func (b *Backbone) digest(file string) (string, error) {
	info, err := os.Stat(b.m.Path)
	if err != nil {
		return "", err
	}
	var inside int64
	for _, w := range b.m.Weights {
		inside += int64(len(w.Raw))
	}
	if inside <= info.Size() {
		return file, nil
	}
	sum := sha256.Sum256([]byte(file + b.WeightsDigest()))
	return hex.EncodeToString(sum[:]), nil
}

// WeightsDigest is the SHA-256 over the names and bytes of all weights as they
// lie in memory now: equal before and after training, since they are frozen.
func (b *Backbone) WeightsDigest() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(b.m.Weights)) {
		w := b.m.Weights[name]
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(name))))
		h.Write([]byte(name))
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(w.Raw))))
		h.Write(w.Raw)
	}
	return hex.EncodeToString(h.Sum(nil))
}
