package bench

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/roofline"
)

// Layer is one step of a program.
type Layer struct {
	Name      string `json:"layer" csv:"layer"`
	Kind      string `json:"kind" csv:"kind"`           // the operator, e.g. "Conv"
	Output    string `json:"output" csv:"output"`       // shape, e.g. "(8,64,112,112)"
	Algorithm string `json:"algorithm" csv:"algorithm"` // e.g. "winograd 4×4"; "" where there is no choice
	Limit     string `json:"limit" csv:"limit"`         // of its roof: roofline.Arithmetic or roofline.Memory
	// Model is the ms that the planner's cost model expects at the measured
	// peak; 0 where it chooses nothing.
	Model float64 `json:"model_ms" csv:"model_ms"`
	Cost
}

// Group is the layers of one algorithm, or of one kind where there is no choice.
type Group struct {
	Algorithm string `json:"algorithm"`
	Layers    int    `json:"layers"`
	Cost
}

// Profile is a program layer by layer, in the order of execution.
type Profile struct {
	Spec
	Network string  `json:"network"`
	Rounds  int     `json:"rounds"`
	Layers  []Layer `json:"layers"`
	Groups  []Group `json:"by_algorithm"` // the one that takes longest first
	Total   Cost    `json:"total"`
}

// Layers measures the layers of a case in rounds, after one run to warm it up.
// When ctx ends it returns ctx's error beside what was measured until then.
func Layers(ctx context.Context, c *Case, m roofline.Machine, rounds int, progress func(done int)) (*Profile, error) {
	x, ok := c.exec.(engine.Profiler)
	if !ok {
		return nil, errors.New("this engine cannot measure layers (leave --layers out)")
	}
	var measured [][]engine.NodeTime
	err := c.run(ctx)
	for len(measured) < rounds && err == nil {
		x.EnableProfile(true)
		if err = c.run(ctx); err == nil {
			measured = append(measured, x.Profile())
			progress(len(measured))
		}
	}
	p := &Profile{Spec: c.Spec, Network: c.Network, Rounds: len(measured)}
	if p.Rounds > 0 {
		p.fill(measured, m)
	}
	return p, err
}

// fill works out the layers from their times in each round.
func (p *Profile) fill(measured [][]engine.NodeTime, m roofline.Machine) {
	for i, n := range measured[0] {
		var ms []float64
		for _, round := range measured {
			ms = append(ms, 1e3*round[i].Time.Seconds())
		}
		least, limit := m.Bound(n.Flops, n.Bytes)
		l := Layer{Name: n.Name, Kind: n.Kind, Output: n.Shape.String(), Algorithm: n.Algorithm, Limit: limit, Model: n.Work / m.Peak / 1e6}
		l.Cost = Cost{Millis: median(ms), Flops: n.Flops, Bytes: n.Bytes, Least: 1e3 * least}
		p.Layers = append(p.Layers, l)
		p.Total = p.Total.plus(l.Cost)
	}
	p.Groups = groups(p.Layers)
	total := p.Total.Millis
	p.Total.finish(m, total)
	for i := range p.Layers {
		p.Layers[i].finish(m, total)
	}
	for i := range p.Groups {
		p.Groups[i].finish(m, total)
	}
}

// groups sums layers by algorithm.
func groups(layers []Layer) []Group {
	var all []Group
	for _, l := range layers {
		name := cmp.Or(l.Algorithm, l.Kind)
		i := slices.IndexFunc(all, func(g Group) bool { return g.Algorithm == name })
		if i < 0 {
			i, all = len(all), append(all, Group{Algorithm: name})
		}
		all[i].Layers++
		all[i].Cost = all[i].plus(l.Cost)
	}
	slices.SortStableFunc(all, func(a, b Group) int { return cmp.Compare(b.Millis, a.Millis) })
	return all
}
