package heads

import (
	"fmt"
	"slices"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/weights"
)

// Weights returns a copy of everything that the logits depend on: the
// parameters by their names and, where Standardise is on,
// "standardise/mean" and "standardise/std".
func (h *Head) Weights() []weights.Array {
	var out []weights.Array
	for _, a := range h.arrays() {
		a.Shape, a.Data = slices.Clone(a.Shape), slices.Clone(a.Data)
		out = append(out, a)
	}
	return out
}

// SetWeights sets what Weights returned, from any list that contains it, e.g.
// a Trainer's State. On an error nothing is changed.
func (h *Head) SetWeights(from []weights.Array) error { return restore(h.arrays(), from) }

// arrays are the live arrays of Weights.
func (h *Head) arrays() []weights.Array {
	var out []weights.Array
	for _, p := range h.Params() {
		out = append(out, weights.Array{Name: p.Name, Shape: p.Shape, Data: p.Data})
	}
	if n := h.norm; n != nil {
		size := []int{len(n.shift)}
		out = append(out, weights.Array{Name: "standardise/mean", Shape: size, Data: n.shift},
			weights.Array{Name: "standardise/std", Shape: size, Data: n.scale})
	}
	return out
}

// State returns a copy of everything that training needs to go on bit for bit
// besides Steps: the head's Weights, the solver's running means as
// "m/<parameter>" and "v/<parameter>", and with TrainOptions.EMA the moving
// average of the parameters as "ema/<parameter>". Not to be called within
// Averaged.
func (t *Trainer) State() []weights.Array {
	out := t.head.Weights()
	for _, a := range t.arrays() {
		a.Shape, a.Data = slices.Clone(a.Shape), slices.Clone(a.Data)
		out = append(out, a)
	}
	return out
}

// Restore sets weights, running means, averages and the number of steps made to what
// State and Steps returned. On an error nothing is changed.
func (t *Trainer) Restore(from []weights.Array, steps int) error {
	if steps < 0 {
		return fmt.Errorf("heads: restore: %d steps, want at least 0", steps)
	}
	if err := restore(append(t.head.arrays(), t.arrays()...), from); err != nil {
		return err
	}
	t.solver.Restore(steps)
	t.at.step = uint64(steps)
	return nil
}

// arrays are the live arrays of the solver.
func (t *Trainer) arrays() []weights.Array {
	var out []weights.Array
	state := t.solver.State()
	for _, slot := range []string{"m", "v", "ema"} {
		for i, p := range t.head.Params() {
			if s := state[slot]; s != nil {
				out = append(out, weights.Array{Name: slot + "/" + p.Name, Shape: p.Shape, Data: s[i]})
			}
		}
	}
	return out
}

// restore copies into each of the live arrays the one of the same name.
func restore(live, from []weights.Array) error {
	byName := map[string]weights.Array{}
	for _, a := range from {
		byName[a.Name] = a
	}
	for _, a := range live {
		b, ok := byName[a.Name]
		if !ok {
			return fmt.Errorf("heads: restore: array %q is missing", a.Name)
		}
		if !slices.Equal(a.Shape, b.Shape) || len(b.Data) != len(a.Data) {
			return fmt.Errorf("heads: restore: array %q has shape %v, want %v", a.Name, tensor.Shape(b.Shape), tensor.Shape(a.Shape))
		}
	}
	for _, a := range live {
		copy(a.Data, byName[a.Name].Data)
	}
	return nil
}
