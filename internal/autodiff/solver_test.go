package autodiff

import (
	"fmt"
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

func TestSolversEqualTorch(t *testing.T) {
	torch := readGolden(t)
	for name, o := range map[string]SolverOptions{
		"adam":            {},
		"adam l2":         {Kind: "adam", L2: 0.1},
		"adamw":           {Kind: "adamw", WeightDecay: 0.5},
		"sgd":             {Kind: "sgd"},
		"sgd momentum l2": {Kind: "sgd", Momentum: 0.9, L2: 0.1},
	} {
		o.Sizes, o.Decay = []int{12, 4}, []bool{true, false}
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
				testkit.Compare(t, "cleared gradient", g[i], make([]float32, len(g[i])), testkit.Exact)
			}
		}
	}
}

func TestAdamEqualsGorgonias(t *testing.T) {
	torch := readGolden(t)
	s, err := NewSolver(newDevice(t, 2), SolverOptions{Sizes: []int{12, 4}, Decay: []bool{true, false}})
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
	for _, o := range []SolverOptions{{L2: 0.1}, {Kind: "adamw", WeightDecay: 0.1}, {Kind: "sgd", Momentum: 0.9}} {
		o.Sizes, o.Decay = []int{12, 4}, []bool{true, false}
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
		want := append(append([]float32(nil), w[0]...), w[1]...)
		copy(w[0], kept[0])
		copy(w[1], kept[1])
		step(second, 2)
		testkit.Compare(t, o.Kind+" continued", append(append([]float32(nil), w[0]...), w[1]...), want, testkit.Exact)
	}
}

func TestSolverErrors(t *testing.T) {
	for want, o := range map[string]SolverOptions{
		`unknown optimiser "rmsprop"`:   {Kind: "rmsprop"},
		"weight decay belongs to adamw": {WeightDecay: 0.1},
		"momentum belongs to sgd":       {Momentum: 0.9},
		"may not be negative":           {L2: -1},
	} {
		if _, err := NewSolver(newDevice(t, 1), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
	s, err := NewSolver(newDevice(t, 1), SolverOptions{Sizes: []int{3}, Decay: []bool{true}})
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := model([][]float32{{1, 2}})
	if err := s.Step(m); err == nil || s.Steps() != 0 {
		t.Errorf("a parameter of another size: error %v, %d steps counted", err, s.Steps())
	}
}
