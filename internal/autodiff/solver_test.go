package autodiff

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"gorgonia.org/gorgonia"
)

// pair is a parameter with a gradient, without a graph.
type pair struct{ w, g gorgonia.Value }

func (p pair) Value() gorgonia.Value         { return p.w }
func (p pair) Grad() (gorgonia.Value, error) { return p.g, nil }

// model returns copies of arrays as parameters with gradients of zero.
func model(arrays [][]float32) (m []gorgonia.ValueGrad, w, g [][]float32) {
	for _, a := range arrays {
		x, d := tensor.New(len(a)), tensor.New(len(a))
		copy(x.Data, a)
		m = append(m, pair{dense(x), dense(d)})
		w, g = append(w, x.Data), append(g, d.Data)
	}
	return m, w, g
}

// two is a kernel of 12 numbers with options o and a bias of 4 without.
func two(o ParamOptions) []ParamOptions {
	o.Size = 12
	return []ParamOptions{o, {Size: 4}}
}

// numbers is w and the solver's state in one array.
func numbers(s Solver, w [][]float32) []float32 {
	out := slices.Concat(w...)
	for _, slot := range []string{"m", "v", "ema"} {
		out = append(out, slices.Concat(s.State()[slot]...)...)
	}
	return out
}

func TestSolversEqualTorch(t *testing.T) {
	torch := readGolden(t)
	for name, o := range map[string]SolverOptions{
		"adam":            {},
		"adam l2":         {Kind: "adam", Params: two(ParamOptions{L2: 0.1})},
		"adamw":           {Kind: "adamw", Params: two(ParamOptions{WeightDecay: 0.5})},
		"sgd":             {Kind: "sgd"},
		"sgd momentum l2": {Kind: "sgd", Momentum: 0.9, Params: two(ParamOptions{L2: 0.1})},
		"adamw groups clip": {Kind: "adamw", Clip: 1.5, Average: 0.6, Params: []ParamOptions{
			{Size: 12, Rate: 0.1, WeightDecay: 0.5}, {Size: 4}}},
		"adam l2 clip":         {Clip: 0.01, Average: 0.2, Params: two(ParamOptions{L2: 0.1})},
		"sgd momentum l2 clip": {Kind: "sgd", Clip: 3, Momentum: 0.9, Average: 0.9, Params: two(ParamOptions{L2: 0.1})},
	} {
		if o.Params == nil {
			o.Params = two(ParamOptions{})
		}
		s, err := NewSolver(newDevice(t, 2), o)
		if err != nil {
			t.Fatal(err)
		}
		s.SetRate(torch.Rate)
		m, w, g := model(torch.Start)
		for step, grads := range torch.Grads {
			for i := range g {
				copy(g[i], grads[i])
			}
			if err := s.Step(m); err != nil {
				t.Fatal(err)
			}
			for i := range w {
				testkit.Compare(t, fmt.Sprint(name, " step ", step+1, " parameter ", i), w[i], torch.Solvers[name][step][i], testkit.Close)
				if average := s.State()["ema"]; average != nil {
					testkit.Compare(t, fmt.Sprint(name, " average ", step+1, " of ", i), average[i], torch.Averages[name][step][i], testkit.Close)
				}
			}
		}
	}
}

func TestAdamEqualsGorgonias(t *testing.T) {
	torch := readGolden(t)
	s, err := NewSolver(newDevice(t, 2), SolverOptions{Params: two(ParamOptions{})})
	if err != nil {
		t.Fatal(err)
	}
	theirs := gorgonia.NewAdamSolver(gorgonia.WithLearnRate(0.01))
	s.SetRate(0.01)
	m, w, g := model(torch.Start)
	m2, w2, g2 := model(torch.Start)
	for step := range 50 {
		for i, grad := range torch.Grads[step%len(torch.Grads)] {
			copy(g[i], grad)
			copy(g2[i], grad)
		}
		if err := s.Step(m); err != nil {
			t.Fatal(err)
		}
		if err := theirs.Step(m2); err != nil {
			t.Fatal(err)
		}
		for i := range w {
			testkit.Compare(t, fmt.Sprint("step ", step+1, " parameter ", i), w[i], w2[i], testkit.Float)
		}
	}
}

// A solver that is given another's state goes on with the same bits.
func TestSolverGoesOn(t *testing.T) {
	torch := readGolden(t)
	for _, o := range []SolverOptions{
		{Params: two(ParamOptions{L2: 0.1}), Average: 0.9},
		{Kind: "adamw", Params: two(ParamOptions{WeightDecay: 0.1}), Clip: 1},
		{Kind: "sgd", Params: two(ParamOptions{}), Momentum: 0.9, Average: 0.5},
	} {
		d := newDevice(t, 1)
		first, _ := NewSolver(d, o)
		second, _ := NewSolver(d, o)
		m, w, g := model(torch.Start)
		step := func(s Solver, n int) {
			for i := range g {
				copy(g[i], torch.Grads[n][i])
			}
			s.SetRate(0.1 / float64(n+1))
			if err := s.Step(m); err != nil {
				t.Fatal(err)
			}
		}
		step(first, 0)
		step(first, 1)
		for slot, arrays := range first.State() {
			for i, a := range arrays {
				copy(second.State()[slot][i], a)
			}
		}
		second.Restore(first.Steps())
		kept := [][]float32{append([]float32(nil), w[0]...), append([]float32(nil), w[1]...)}
		step(first, 2)
		want := numbers(first, w)
		copy(w[0], kept[0])
		copy(w[1], kept[1])
		step(second, 2)
		testkit.Compare(t, o.Kind+" continued", numbers(second, w), want, testkit.Exact)
	}
}

func TestSolverErrors(t *testing.T) {
	for want, o := range map[string]SolverOptions{
		`unknown optimiser "rmsprop"`:   {Kind: "rmsprop"},
		"weight decay belongs to adamw": {Params: []ParamOptions{{WeightDecay: 0.1}}},
		"momentum belongs to sgd":       {Momentum: 0.9},
		"may not be negative":           {Params: []ParamOptions{{L2: -1}}},
		"rate factor -1":                {Params: []ParamOptions{{Rate: -1}}},
		"clipped to a norm of -1":       {Clip: -1},
		"decay of 1,":                   {Average: 1},
	} {
		if _, err := NewSolver(newDevice(t, 1), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
	s, err := NewSolver(newDevice(t, 1), SolverOptions{Params: []ParamOptions{{Size: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := model([][]float32{{1, 2}})
	if err := s.Step(m); err == nil || s.Steps() != 0 {
		t.Errorf("a parameter of another size: error %v, %d steps counted", err, s.Steps())
	}
}

// No step is made on gradients that are not finite, even where each number is.
func TestGradientsThatAreNotFinite(t *testing.T) {
	for _, kind := range []string{"adam", "sgd"} {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
			s, err := NewSolver(newDevice(t, 2), SolverOptions{Kind: kind, Average: 0.9, Params: two(ParamOptions{})})
			if err != nil {
				t.Fatal(err)
			}
			m, w, g := model([][]float32{make([]float32, 12), {1, 2, 3, 4}})
			before := numbers(s, w)
			g[1][2] = bad
			if err := s.Step(m); err == nil || !strings.Contains(err.Error(), "the norm of the gradients is") || s.Steps() != 0 {
				t.Errorf("%s, gradient %g: error %v, %d steps counted", kind, bad, err, s.Steps())
			}
			testkit.Compare(t, kind+" unchanged", numbers(s, w), before, testkit.Exact)
		}
	}
}

// The norm is the same bits for any number of threads, and counts numbers
// whose squares are beyond float32.
func TestGradientNorm(t *testing.T) {
	arrays := []array{{g: normal(1, 3*chunk+7).Data}, {g: []float32{3e30, -4e30}}, {g: normal(2, 5).Data}}
	if got := gradientNorm(newDevice(t, 1), arrays); math.Abs(got/5e30-1) > 1e-6 {
		t.Errorf("norm %g, want 5e30", got)
	}
	arrays = []array{arrays[0], arrays[2]}
	sum := 0.0
	for _, a := range arrays {
		for _, v := range a.g {
			sum += float64(v) * float64(v)
		}
	}
	want := gradientNorm(newDevice(t, 1), arrays)
	if math.Abs(want/math.Sqrt(sum)-1) > 1e-12 {
		t.Errorf("norm %.15g, want %.15g", want, math.Sqrt(sum))
	}
	for threads := 2; threads < 5; threads++ {
		if got := gradientNorm(newDevice(t, threads), arrays); got != want {
			t.Errorf("%d threads: norm %.17g, with one %.17g", threads, got, want)
		}
	}
}
