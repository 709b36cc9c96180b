package cpu

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Five steps, with and without clipping and a moving average, against the
// formula in float64; more numbers than one piece holds, and an odd rest.
func TestAdamMatchesFormula(t *testing.T) {
	for _, d := range devices(t) {
		for _, s := range []AdamStep{
			{Rate: 1e-2, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, L2: 1e-2, Decay: 1e-1},
			{Rate: 1e-2, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, L2: 1e-2, Scale: 0.125, Blend: 0.25},
		} {
			adamByFormula(t, d, s, vectorPiece+1001)
		}
	}
}

func adamByFormula(t *testing.T, d *Device, s AdamStep, n int) {
	r := rand.New(rand.NewPCG(10, 10))
	x := AdamArrays{P: random(r, n), M: make([]float32, n), V: make([]float32, n)}
	scale := 1.
	if s.Blend != 0 {
		x.Average, scale = random(r, n), s.Scale
	}
	p, m, v, average := doubles(x.P), make([]float64, n), make([]float64, n), doubles(x.Average)
	for s.Step = 1; s.Step <= 5; s.Step++ {
		x.G = random(r, n)
		d.Adam(s, x)
		for i := range p {
			gi := scale*float64(x.G[i]) + s.L2*p[i]
			m[i] = s.Beta1*m[i] + (1-s.Beta1)*gi
			v[i] = s.Beta2*v[i] + (1-s.Beta2)*gi*gi
			mh, vh := m[i]/(1-math.Pow(s.Beta1, float64(s.Step))), v[i]/(1-math.Pow(s.Beta2, float64(s.Step)))
			p[i] -= s.Rate*s.Decay*p[i] + s.Rate*mh/(math.Sqrt(vh)+s.Epsilon)
			if average != nil {
				average[i] += s.Blend * (p[i] - average[i])
			}
		}
		for what, pair := range map[string]struct {
			got  []float32
			want []float64
		}{"p": {x.P, p}, "m": {x.M, m}, "v": {x.V, v}, "average": {x.Average, average}} {
			if err := near(d.Name()+" "+what, pair.got, pair.want, 1); err != nil {
				t.Fatalf("step %d: %v", s.Step, err)
			}
		}
	}
}

// doubles returns x in float64.
func doubles(x []float32) (y []float64) {
	for _, v := range x {
		y = append(y, float64(v))
	}
	return y
}

func TestLerpMatchesFormula(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	for _, d := range devices(t) {
		for _, n := range []int{0, 1, 7, 33, vectorPiece + 5} {
			y, x := random(r, n), random(r, n)
			want := doubles(y)
			for i := range want {
				want[i] += 0.3 * (float64(x[i]) - want[i])
			}
			d.Lerp(0.3, y, x)
			if err := near(d.Name()+" lerp", y, want, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
}
