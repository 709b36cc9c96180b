package main

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/autodiff"
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/onnx"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// solver makes the step of each data set with our solver and every set of
// kernels, and compares the new parameters and running means.
func (s *suite) solver(r *result, n solverNode) error {
	n.complete(r.name)
	if post := n.floats["norm_coefficient_post"]; post != 0 {
		return fmt.Errorf("norm_coefficient_post %g: parameters shrink after the step, ours never do", post)
	}
	return r.each(func(in, want []*onnx.Tensor) error {
		for _, d := range s.devices {
			r.runs++
			if err := n.compare(d, in, want); err != nil {
				return wrong{fmt.Errorf("%s: %w", d.Name(), err)}
			}
		}
		return nil
	})
}

// complete sets the attributes that a node does not name. The numbers of
// test_adam_multiple were computed with an epsilon of 1e-2 that its model does
// not hold (X1 = 1 - 0.1·1.85/(√0.575+0.01) = 0.7591; without it 0.7560).
func (n solverNode) complete(name string) {
	defaults := map[string]float64{"alpha": 0.9, "beta": 0.999, "epsilon": 1e-6}
	if name == "test_adam_multiple" {
		defaults["epsilon"] = 1e-2
	}
	for key, v := range defaults {
		if _, ok := n.floats[key]; !ok {
			n.floats[key] = v
		}
	}
}

// slots names the running means. After R and T the inputs are all parameters,
// all gradients and these; the outputs are parameters and these.
func (n solverNode) slots() []string {
	if n.op == "Adam" {
		return []string{"m", "v"}
	}
	return []string{"m"}
}

// options is our solver for the node. ONNX adds epsilon to the root of the mean
// square before its bias is corrected, torch and we after: ours is larger by
// the correction's root. norm_coefficient is L2.
func (n solverNode) options(step int64, sizes []int) autodiff.SolverOptions {
	o := autodiff.SolverOptions{Kind: "sgd", Momentum: n.floats["alpha"]}
	for _, size := range sizes {
		o.Params = append(o.Params, autodiff.ParamOptions{Size: size, L2: n.floats["norm_coefficient"]})
	}
	if n.op == "Adam" {
		o.Kind, o.Momentum = "adam", 0
		o.Beta1, o.Beta2, o.Epsilon = n.floats["alpha"], n.floats["beta"], n.floats["epsilon"]
		if step > 0 {
			o.Epsilon /= math.Sqrt(1 - math.Pow(o.Beta2, float64(step)))
		}
	}
	return o
}

// uncorrected is a number of steps after which Adam's bias corrections are 1.
const uncorrected = 1 << 40

// compare makes one step. ONNX's step 0 is without bias corrections, like our
// step after very many, and its Momentum then takes the whole gradient, as ours
// always does.
func (n solverNode) compare(d *cpu.Device, in, want []*onnx.Tensor) error {
	slots := n.slots()
	count := (len(in) - 2) / (2 + len(slots))
	if count < 1 || len(in) != 2+count*(2+len(slots)) || len(want) != count*(1+len(slots)) {
		return fmt.Errorf("%d inputs and %d outputs are no step of %s", len(in), len(want), n.op)
	}
	arrays := make([][]float32, len(in)-2)
	for i, t := range in[2:] {
		x, err := t.Floats()
		if err != nil {
			return err
		}
		arrays[i] = append([]float32(nil), x...) // the step is made in place
	}
	rate, err := in[0].Floats()
	if err != nil {
		return err
	}
	step, err := in[1].Ints()
	if err != nil {
		return err
	}
	if n.op == "Momentum" && step[0] > 0 && n.floats["beta"] != 1 {
		return fmt.Errorf("beta %g: ours takes the whole gradient", n.floats["beta"])
	}
	if err := n.step(d, arrays, count, float64(rate[0]), step[0]); err != nil {
		return err
	}
	got := append(arrays[:count:count], arrays[2*count:]...)
	for i, t := range want {
		x, err := t.Floats()
		if err != nil {
			return err
		}
		if err := near(got[i], x); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// step updates arrays (parameters, gradients, means: count of each) in place.
func (n solverNode) step(d *cpu.Device, arrays [][]float32, count int, rate float64, step int64) error {
	var sizes []int
	var model []gorgonia.ValueGrad
	for i := range count {
		sizes = append(sizes, len(arrays[i]))
		model = append(model, parameter{vector(arrays[i]), vector(arrays[count+i])})
	}
	s, err := autodiff.NewSolver(d, n.options(step, sizes))
	if err != nil {
		return err
	}
	if s.Restore(int(step) - 1); step == 0 {
		s.Restore(uncorrected)
	}
	means := s.State()
	for k, slot := range n.slots() {
		for i := range count {
			copy(means[slot][i], arrays[(2+k)*count+i])
		}
	}
	keep := func() {
		for k, slot := range n.slots() {
			for i := range count {
				copy(arrays[(2+k)*count+i], means[slot][i])
			}
		}
	}
	if n.mode == "nesterov" {
		return nesterov(s, model, rate, keep)
	}
	s.SetRate(rate)
	err = s.Step(model)
	keep()
	return err
}

// nesterov makes Nesterov's step of two plain ones with the same gradient: at
// rate 0 the first gives V' = αV+G, the second moves X by -R·(αV'+G).
func nesterov(s autodiff.Solver, model []gorgonia.ValueGrad, rate float64, keep func()) error {
	s.SetRate(0)
	if err := s.Step(model); err != nil {
		return err
	}
	keep()
	s.SetRate(rate)
	return s.Step(model)
}

// parameter is a parameter with its gradient, without a graph.
type parameter struct{ w, g gorgonia.Value }

func (p parameter) Value() gorgonia.Value         { return p.w }
func (p parameter) Grad() (gorgonia.Value, error) { return p.g, nil }

// vector wraps x without copying.
func vector(x []float32) gorgonia.Value { return gt.New(gt.WithShape(len(x)), gt.WithBacking(x)) }
