package cpu

import "math"

// ConvShape is the geometry of a two-dimensional convolution. The padding
// below and to the right follows from OH and OW.
type ConvShape struct {
	N, C, H, W           int // input (N,C,H,W)
	K, R, S              int // weights (K,C/Groups,R,S)
	OH, OW               int // output (N,K,OH,OW)
	StrideH, StrideW     int
	PadTop, PadLeft      int
	DilationH, DilationW int
	Groups               int
}

// Epilogue is what happens to each output before it is stored:
// y = clamp(conv + bias + add, Lo, Hi).
type Epilogue struct {
	Bias   []float32 // (K) or nil
	Add    []float32 // (N,K,OH,OW) or nil; may be y itself
	Lo, Hi float32   // used when Clamp is set; NaN passes through
	Clamp  bool
}

func (e Epilogue) limits() (lo, hi float32) {
	if e.Clamp {
		return e.Lo, e.Hi
	}
	return float32(math.Inf(-1)), float32(math.Inf(1))
}

// ConvWeights are weights laid out for a Device's kernels by PackConv.
type ConvWeights struct {
	w []float32
}

// Bytes is the memory held.
func (w *ConvWeights) Bytes() int64 { return 4 * int64(len(w.w)) }

// PackConv lays out weights w (K,C/Groups,R,S) for Conv. Batch, height and
// width in s are hints; Conv may be called with others.
func (d *Device) PackConv(s ConvShape, w []float32) *ConvWeights {
	return &ConvWeights{w}
}

// Conv computes, for x (N,C,H,W) and y (N,K,OH,OW), with zero outside x,
//
//	y[n,k,p,q] = clamp(bias[k] + add[n,k,p,q] + Σ over c,r,s of
//	    w[k,c,r,s] · x[n, g·C/G+c, p·StrideH-PadTop+r·DilationH, q·StrideW-PadLeft+s·DilationW])
//
// where g = k / (K/G) is the group of output channel k.
func (d *Device) Conv(s ConvShape, y, x []float32, w *ConvWeights, e Epilogue) {
	lo, hi := e.limits()
	cg, kg := s.C/s.Groups, s.K/s.Groups
	d.Parallel(s.N*s.K, func(i int) {
		n, k := i/s.K, i%s.K
		for p := range s.OH {
			for q := range s.OW {
				var sum float32
				for c := range cg {
					plane := x[(n*s.C+k/kg*cg+c)*s.H*s.W:][:s.H*s.W]
					for r := range s.R {
						for t := range s.S {
							h, v := p*s.StrideH-s.PadTop+r*s.DilationH, q*s.StrideW-s.PadLeft+t*s.DilationW
							if h >= 0 && h < s.H && v >= 0 && v < s.W {
								sum += w.w[((k*cg+c)*s.R+r)*s.S+t] * plane[h*s.W+v]
							}
						}
					}
				}
				o := (i*s.OH+p)*s.OW + q
				if e.Bias != nil {
					sum += e.Bias[k]
				}
				if e.Add != nil {
					sum += e.Add[o]
				}
				if sum < lo {
					sum = lo
				}
				if sum > hi {
					sum = hi
				}
				y[o] = sum
			}
		}
	})
}
