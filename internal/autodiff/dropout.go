package autodiff

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Dropout zeroes each number with probability P and divides the others by
// 1-P, anew at each step. The mask is a function of Seed, *Step and the place
// in the whole batch alone, so a resumed run, another number of threads and a
// batch in parts give the same mask, and the backward pass computes it again
// instead of keeping it.
type Dropout struct {
	P    float64 // in [0,1)
	Seed uint64  // of this layer: two layers want two seeds
	Step *uint64 // the step about to run; its owner counts it
	Row  *int    // row of the whole batch that the array begins with; nil is 0
}

// Kind is ONNX's operator; in inference it does nothing.
func (*Dropout) Kind() string { return "Dropout" }

// Shape is the input's.
func (o *Dropout) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if len(in) != 1 {
		return nil, fmt.Errorf("%d inputs, want 1", len(in))
	}
	if o.P < 0 || o.P >= 1 {
		return nil, fmt.Errorf("probability %g, want 0 or more and less than 1", o.P)
	}
	return in[0], nil
}

// Forward is y = x·mask/(1-P).
func (o *Dropout) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	o.mask(d, y.Data, x[0])
}

// Backward is dx = dy·mask/(1-P).
func (o *Dropout) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	o.mask(d, dx[0].Data, dy)
}

// chunk is how many numbers one call of a parallel elementwise loop takes.
const chunk = 1 << 14

// mask is dst = x·mask/(1-P). Each 64-bit hash decides two numbers, at an even
// place and the next.
func (o *Dropout) mask(d *cpu.Device, dst []float32, x *tensor.Tensor) {
	key := mix(o.Seed ^ mix(*o.Step+1))
	limit := uint32(o.P * (1 << 32)) // below it: dropped
	scale := float32(1 / (1 - o.P))
	src, at := x.Data, o.start(x.Shape)
	chunks(d, len(src), func(from, to int) {
		i := from
		if (at+i)&1 == 1 {
			dst[i] = keep(src[i], uint32(mix(key+uint64(at+i-1))>>32), limit, scale)
			i++
		}
		for ; i < to; i += 2 {
			h := mix(key + uint64(at+i))
			dst[i] = keep(src[i], uint32(h), limit, scale)
			if i+1 < to {
				dst[i+1] = keep(src[i+1], uint32(h>>32), limit, scale)
			}
		}
	})
}

// start is the place of an array of shape s in the whole batch.
func (o *Dropout) start(s tensor.Shape) int {
	if o.Row == nil {
		return 0
	}
	return *o.Row * s[1:].Size()
}

// keep is 0 where random < limit, else x·scale; without a branch, because no
// processor foresees this one.
func keep(x float32, random, limit uint32, scale float32) float32 {
	dropped := uint32((uint64(random) - uint64(limit)) >> 63) // 1 or 0
	return math.Float32frombits(math.Float32bits(x*scale) & (dropped - 1))
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection
// whose output bits look random for any pattern of inputs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// chunks calls f over 0 … n in pieces of chunk numbers, which do not depend on
// the number of threads.
func chunks(d *cpu.Device, n int, f func(from, to int)) {
	d.Parallel((n+chunk-1)/chunk, func(i int) { f(i*chunk, min(n, (i+1)*chunk)) })
}
