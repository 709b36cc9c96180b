package finetune

import (
	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/heads"
)

// NetworkSummary lists a whole network, frozen and trainable.
type NetworkSummary struct {
	Card      *backbones.Card // nil for the baseline
	Layers    []LayerSummary
	Trainable int64
	Frozen    int64 // up to the cut
	Whole     int64 // of the backbone's file, its classifier included
}

// LayerSummary is one layer.
type LayerSummary struct {
	Name       string
	Kind       string
	Output     []int // without the batch
	Parameters int64
	Frozen     bool
}

// Summarise lists the network that o would train for that many classes.
func Summarise(o Options, classes int) (*NetworkSummary, error) {
	if o.Data.Path == "" {
		o.Data.Path = "." // no data are read
	}
	r, err := o.Resolved()
	if err != nil {
		return nil, err
	}
	src, card, err := openSource(r, Silent{})
	if err != nil {
		return nil, err
	}
	defer src.close()
	h, err := heads.New(headSpec(r, src.shape(), classes))
	if err != nil {
		return nil, err
	}
	s := &NetworkSummary{Card: card}
	if f, ok := src.(frozen); ok {
		s.Whole = backbones.Params(f.AllLayers())
		for _, l := range f.Layers() {
			s.Layers = append(s.Layers, LayerSummary{l.Name, l.Op, l.Output, l.Params, true})
			s.Frozen += l.Params
		}
		if kind := poolKind(r); kind != "" {
			s.Layers = append(s.Layers, LayerSummary{"pool", kind, src.shape(), 0, true})
		}
	}
	for _, l := range h.Layers() {
		s.Layers = append(s.Layers, LayerSummary{l.Name, l.Kind, l.Output, int64(l.Params), false})
		s.Trainable += int64(l.Params)
	}
	return s, nil
}
