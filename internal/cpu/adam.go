package cpu

import "math"

// AdamStep is one step of Adam (Kingma and Ba 2015, algorithm 1) or, with
// Decay, of AdamW (Loshchilov and Hutter 2019, algorithm 2).
type AdamStep struct {
	Rate         float64 // learning rate
	Beta1, Beta2 float64 // decay of the first and second moment
	Epsilon      float64
	L2           float64 // added to the gradient as L2·p
	Decay        float64 // decoupled weight decay: p -= Rate·Decay·p
	Step         int     // 1 at the first step
	Scale        float64 // of the gradient, for clipping; 0 is 1
	Blend        float64 // share of p in its moving average
}

// AdamArrays are one parameter array and what goes with it, of equal lengths.
type AdamArrays struct {
	P       []float32 // parameters
	M, V    []float32 // their moments
	G       []float32 // gradients
	Average []float32 // moving average of P; nil for none
}

// Adam updates parameters, moments and moving average:
//
//	g' = Scale·G + L2·P
//	M = Beta1·M + (1-Beta1)·g'
//	V = Beta2·V + (1-Beta2)·g'²
//	P = P·(1-Rate·Decay) - Rate/(1-Beta1^Step) · M / (√V/√(1-Beta2^Step) + Epsilon)
//	Average = Average + Blend·(P - Average)
//
// Memory bounds it, so everything is done to a piece while the cache holds it.
func (d *Device) Adam(s AdamStep, x AdamArrays) {
	t := &d.adam
	t.k, t.x, t.s, t.blend = d.k, x, s.scalars(), float32(s.Blend)
	d.team.run(ceilDiv(len(x.P), vectorPiece), t)
	t.x = AdamArrays{}
}

// scalars are Beta1, 1-Beta1, Beta2, 1-Beta2, L2, 1-Rate·Decay,
// Rate/(1-Beta1^Step), 1/√(1-Beta2^Step), Epsilon, Scale, worked out in float64.
func (s *AdamStep) scalars() [10]float32 {
	t, scale := float64(s.Step), s.Scale
	if scale == 0 {
		scale = 1
	}
	return [10]float32{
		float32(s.Beta1), float32(1 - s.Beta1), float32(s.Beta2), float32(1 - s.Beta2),
		float32(s.L2), float32(1 - s.Rate*s.Decay),
		float32(s.Rate / (1 - math.Pow(s.Beta1, t))),
		float32(1 / math.Sqrt(1-math.Pow(s.Beta2, t))),
		float32(s.Epsilon), float32(scale),
	}
}

// adamTask runs Adam; a piece is vectorPiece elements.
type adamTask struct {
	k     *kernels
	x     AdamArrays
	s     [10]float32
	blend float32
}

func (t *adamTask) piece(w *worker, i int) {
	from, to := i*vectorPiece, min((i+1)*vectorPiece, len(t.x.P))
	v, p := &w.vec, t.x.P[from:to]
	v.y, v.a, v.b, v.g, v.s = p, t.x.M[from:to], t.x.V[from:to], t.x.G[from:to], t.s
	t.k.whole(t.k.adam, adamPortable, v, to-from)
	v.g = nil // whole cuts it if it is there
	if t.x.Average != nil {
		v.y, v.a, v.b, v.s[0] = t.x.Average[from:to], p, p, t.blend
		t.k.whole(t.k.lerp, lerpPortable, v, to-from)
	}
}
