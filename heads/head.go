package heads

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Head is a trainable network. Its methods may be called from one goroutine at
// a time, a Trainer's Step included.
type Head struct {
	spec   Spec
	body   *Body // nil where the head stands on frozen features
	layers []*layer
	norm   *standardise // nil unless Spec.Standardise

	mu      sync.Mutex
	dev     *cpu.Device // for Logits; made on first use
	runner  *bodyRunner // on dev
	threads int
}

// Param is one trainable array.
type Param struct {
	Name  string    // e.g. "conv1/kernel"
	Shape []int     // kernels (K,C,R,S) and (out,in), biases (out)
	Data  []float32 // live: writing changes the network
	Group int       // GroupHead or GroupBody: TrainOptions has a rate and an L2 for each
	Decay bool      // weight decay and L2 apply: to kernels, never to biases and norms
}

// The values of Param.Group.
const (
	GroupHead = iota
	GroupBody // the unfrozen part of a backbone
)

// Layer describes one layer for a summary.
type Layer struct {
	Name   string // e.g. "conv1"
	Kind   string // e.g. "Conv 16 3x3"
	Output []int  // without the batch
	Params int
}

// New builds the network with Glorot-uniform kernels and zero biases, the same
// bytes for the same seed.
func New(s Spec) (*Head, error) {
	s, err := s.complete()
	if err != nil {
		return nil, err
	}
	h := &Head{spec: s}
	if s.Model == ModelBaseline {
		h.buildBaseline()
	} else {
		h.buildHead()
	}
	return h, nil
}

// Spec is what the network was built from, defaults filled in.
func (h *Head) Spec() Spec { return h.spec }

// On returns the same head on an unfrozen body: it shares h's parameters and
// learns together with the body's, which come first in Params. Its items are
// those that are fed to the body.
func (h *Head) On(b *Body) (*Head, error) {
	if !b.out.Equal(h.spec.Input) {
		return nil, fmt.Errorf("heads: the body gives %v, the head wants %v", b.out, tensor.Shape(h.spec.Input))
	}
	return &Head{spec: h.spec, layers: h.layers, norm: h.norm, body: b, threads: h.threads}, nil
}

// Body is the unfrozen part that h stands on, nil for frozen features.
func (h *Head) Body() *Body { return h.body }

// input is the shape of one item.
func (h *Head) input() tensor.Shape {
	if h.body != nil {
		return h.body.spec.Shape
	}
	return h.spec.Input
}

// Params returns the trainable arrays: the body's if there is one, then the
// head's, first layer first.
func (h *Head) Params() []Param {
	var out []Param
	if h.body != nil {
		for _, p := range h.body.params {
			out = append(out, *p)
		}
	}
	for _, l := range h.layers {
		for _, p := range l.params {
			out = append(out, *p)
		}
	}
	return out
}

// Layers describes the network, first layer first.
func (h *Head) Layers() []Layer {
	var out []Layer
	for _, l := range h.layers {
		n := 0
		for _, p := range l.params {
			n += len(p.Data)
		}
		out = append(out, Layer{Name: l.name, Kind: l.kind, Output: l.out.Clone(), Params: n})
	}
	return out
}

// InputSize is the number of numbers of one item.
func (h *Head) InputSize() int { return h.input().Size() }

// Outputs is the number of logits of one item.
func (h *Head) Outputs() int { return h.spec.outputs() }

// NormaliserSize is the length of the arrays that SetNormaliser wants: one
// number a channel, or a feature where the input is flat. 0 without Standardise.
func (h *Head) NormaliserSize() int {
	if h.norm == nil {
		return 0
	}
	return len(h.norm.shift)
}

// SetNormaliser sets what Standardise uses: for each channel (or feature) c,
// x becomes (x - mean[c]) / std[c]. A std of 0 counts as 1. Call it before training.
func (h *Head) SetNormaliser(mean, std []float32) error {
	if h.norm == nil {
		return errors.New("heads: set the normaliser: Spec.Standardise is off")
	}
	if len(mean) != len(h.norm.shift) || len(std) != len(mean) {
		return fmt.Errorf("heads: set the normaliser: %d means and %d deviations, want %d each", len(mean), len(std), len(h.norm.shift))
	}
	for i, s := range std {
		if !(s >= 0) || math.IsInf(float64(s), 0) || math.IsNaN(float64(mean[i])) || math.IsInf(float64(mean[i]), 0) {
			return fmt.Errorf("heads: set the normaliser: mean %g, deviation %g at %d; want finite numbers, deviation not negative", mean[i], s, i)
		}
	}
	h.norm.set(mean, std)
	return nil
}

// SetThreads sets how many threads Logits uses; 0 is all cores.
func (h *Head) SetThreads(n int) {
	h.Close()
	h.threads = n
}

// Close releases the threads of Logits. The network remains usable.
func (h *Head) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dev != nil {
		h.dev.Close()
		h.dev, h.runner = nil, nil
	}
}

// device returns the device of Logits.
func (h *Head) device() (*cpu.Device, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dev == nil {
		d, err := cpu.New(h.threads)
		if err != nil {
			return nil, fmt.Errorf("heads: %w", err)
		}
		h.dev = d
	}
	return h.dev, nil
}
