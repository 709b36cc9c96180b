package autodiff

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// lossCase is a loss of torch in float64 and its gradient.
type lossCase struct {
	Z, Y, W []float32
	Loss    float64
	DZ      []float32
}

// golden is testdata/torch.json, the output of internal/testkit/oracle/heads_solvers.py.
type golden struct {
	Rate         float64
	Start        [][]float32
	Grads        [][][]float32
	Solvers      map[string][][][]float32
	Averages     map[string][][][]float32
	BCE, Softmax lossCase
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/torch.json")
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// evaluate returns a loss and its gradient by the logits.
func (c lossCase) evaluate(t *testing.T, o op.Differentiable) (float64, []float32) {
	t.Helper()
	n := len(c.Y)
	g := NewGraph(newDevice(t, 1))
	z := param(t, g, "z", tensor.Of(c.Z, n, len(c.Z)/n))
	m := compile(t, g, apply(t, g, o, z, input(t, g, "y", tensor.Of(c.Y, n)), input(t, g, "w", tensor.Of(c.W, n))))
	return run(t, m), m.Gradients()[0]
}

func TestLossesEqualTorch(t *testing.T) {
	g := readGolden(t)
	check := func(name string, o op.Differentiable, c lossCase) {
		loss, dz := c.evaluate(t, o)
		testkit.Compare(t, name+" loss", []float32{float32(loss)}, []float32{float32(c.Loss)}, testkit.Close)
		testkit.Compare(t, name+" gradient", dz, c.DZ, testkit.Close)
	}
	check("bce", BCEWithLogits{}, g.BCE)
	check("softmax", SoftmaxCrossEntropy{}, g.Softmax)
}

func TestLossesStayFinite(t *testing.T) {
	for _, z := range []float32{0, 1e-3, 30, 88, 89, 100, 1e4, 3e38} {
		for _, sign := range []float32{1, -1} {
			for label := range 2 {
				one := lossCase{Z: []float32{sign * z}, Y: []float32{float32(label)}, W: []float32{1}}
				loss, dz := one.evaluate(t, BCEWithLogits{})
				two := lossCase{Z: []float32{0, sign * z}, Y: one.Y, W: one.W}
				loss2, dz2 := two.evaluate(t, SoftmaxCrossEntropy{})
				if math.IsNaN(loss) || math.IsInf(loss, 0) || dz[0] != dz[0] || dz2[1] != dz2[1] {
					t.Errorf("z %g, label %d: loss %g, gradient %g and %g", sign*z, label, loss, dz[0], dz2)
				}
				// The binary loss is the softmax over (0, z).
				if math.Abs(loss-loss2) > 1e-12+1e-6*loss || math.Abs(float64(dz[0]-dz2[1])) > 1e-12+1e-6*math.Abs(float64(dz[0])) {
					t.Errorf("z %g, label %d: binary %g, %g; softmax %g, %g", sign*z, label, loss, dz[0], loss2, dz2[1])
				}
			}
		}
	}
}

// Padding has weight 0 and changes nothing, whatever it holds.
func TestPaddedRowsDoNotCount(t *testing.T) {
	nan := float32(math.NaN())
	short := lossCase{Z: []float32{0.5, -1, 2}, Y: []float32{1, 1, 0}, W: []float32{1, 2, 1}}
	padded := lossCase{Z: []float32{0.5, -1, 2, nan, 9}, Y: []float32{1, 1, 0, 0, 7}, W: []float32{1, 2, 1, 0, 0}}
	byHand := (math.Log1p(math.Exp(-0.5)) + 2*math.Log1p(math.Exp(1)) + math.Log1p(math.Exp(2))) / 4
	a, da := short.evaluate(t, BCEWithLogits{})
	b, db := padded.evaluate(t, BCEWithLogits{})
	if a != b || math.Abs(a-byHand) > 1e-6 {
		t.Errorf("loss %g, padded %g, by hand %g", a, b, byHand)
	}
	testkit.Compare(t, "gradient", db, append(da, 0, 0), testkit.Exact)
}

// Losses and gradients of the parts of a batch, divided by the weight of the
// whole, are those of the whole.
func TestLossesOfParts(t *testing.T) {
	g := readGolden(t)
	total := 0.0
	for name, c := range map[string]lossCase{"bce": g.BCE, "softmax": g.Softmax} {
		loss := func(c lossCase) (float64, []float32) {
			if name == "bce" {
				return c.evaluate(t, BCEWithLogits{Total: &total})
			}
			return c.evaluate(t, SoftmaxCrossEntropy{Total: &total})
		}
		total = 0
		for _, w := range c.W {
			total += float64(w)
		}
		cut, wide := 2, len(c.Z)/len(c.Y)
		a, da := loss(lossCase{Z: c.Z[:cut*wide], Y: c.Y[:cut], W: c.W[:cut]})
		b, db := loss(lossCase{Z: c.Z[cut*wide:], Y: c.Y[cut:], W: c.W[cut:]})
		testkit.Compare(t, name+" loss", []float32{float32(a + b)}, []float32{float32(c.Loss)}, testkit.Close)
		testkit.Compare(t, name+" gradient", append(da, db...), c.DZ, testkit.Close)
	}
}
