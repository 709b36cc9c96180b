// Package augment makes variants of a training image: what a network learns
// from them is that a cell is the same cell turned, a little moved, a little
// lighter or otherwise stained.
//
// A variant is a pure function of the resized pixels, a [Spec] and random
// numbers, and [Random] draws those from the run's seed, the image's bytes and
// the epoch alone. A resumed run therefore sees the variants of one that was
// never interrupted, whatever the number of threads.
//
// Transforms are one a file, and are made in the order of the fields of Spec.
package augment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
)

// Rule names the arithmetic of this package. It is part of the key of whatever
// is computed from variants once and kept: change it with the arithmetic.
const Rule = "augment 1"

// Spec says which transforms are made and how strong they may become. The zero
// value makes none.
type Spec struct {
	Flip       bool    // left and right change places, every other time
	Rotate90   bool    // by 0, 90, 180 or 270 degrees
	Shift      float64 // by up to this share of the side along each axis
	Scale      float64 // by a factor from 1/(1+Scale) to 1+Scale, its logarithm uniform
	Brightness float64 // by a factor from 1-Brightness to 1+Brightness; so are the next two
	Contrast   float64
	Saturation float64
	Stain      float64 // σ of Tellez et al. (2018), see restain
	Blur       float64 // by a Gaussian of 0 to this many pixels
	Cutout     float64 // a square of this share of the side becomes plain
}

// Cells suits round cells, which have no up and no left: any orientation, and
// the differences of place, light and stain that smears show. It has neither
// blur nor cutout, which can take away a parasite and leave its label.
func Cells() Spec {
	return Spec{Flip: true, Rotate90: true, Shift: .05, Scale: .1, Brightness: .1, Contrast: .1, Saturation: .1, Stain: .05}
}

// Random returns the random numbers of one variant of an image: n is the epoch
// or the number of the copy, image the SHA-256 of its file.
func Random(seed uint64, image string, n int) *rand.Rand {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", seed, image, n))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])))
}

// Apply sets dst to a variant of src, both (3,S,S): planes R, G and B of levels
// from 0 to 255, not rounded. dst may be src. It panics where either is shorter.
func (s Spec) Apply(dst, src []float32, size int, r *rand.Rand) {
	s.draw(r).apply(dst[:3*size*size], src[:3*size*size], size)
}

// variant is what chance made of a Spec: the transforms of one image.
type variant struct {
	flip                             bool
	turns                            int     // quarter turns, anticlockwise
	right, down                      float64 // shares of the side
	scale                            float64 // factor
	brightness, contrast, saturation float64 // factors
	stain                            stain
	sigma                            float64 // of the blur, pixels
	hole                             float64 // side of the cutout, share of the side
	holeX, holeY                     float64 // its centre, shares of the side
}

// draw takes the same numbers from r whatever s is, so that one transform more
// leaves the others as they are.
func (s Spec) draw(r *rand.Rand) variant {
	around := func(strength float64) float64 { return strength * (2*r.Float64() - 1) }
	v := variant{flip: r.IntN(2) == 1 && s.Flip, turns: r.IntN(4)}
	if !s.Rotate90 {
		v.turns = 0
	}
	v.right, v.down = around(s.Shift), around(s.Shift)
	v.scale = math.Exp(around(math.Log1p(s.Scale)))
	v.brightness, v.contrast, v.saturation = 1+around(s.Brightness), 1+around(s.Contrast), 1+around(s.Saturation)
	for k := range 3 {
		v.stain.gain[k], v.stain.offset[k] = around(s.Stain), around(s.Stain)
	}
	v.sigma = s.Blur * r.Float64()
	v.hole, v.holeX, v.holeY = s.Cutout, r.Float64(), r.Float64()
	return v
}

// scratch holds the pixels between two transforms; kept between calls.
var scratch = sync.Pool{New: func() any { return new([]float32) }}

// apply makes the transforms of v that change anything.
func (v variant) apply(dst, src []float32, size int) {
	buffer := scratch.Get().(*[]float32)
	defer scratch.Put(buffer)
	if cap(*buffer) < len(src) {
		*buffer = make([]float32, len(src))
	}
	between := (*buffer)[:len(src)]
	turn(between, src, size, v.flip, v.turns)
	if v.right != 0 || v.down != 0 || v.scale != 1 {
		place(dst, between, size, v.right*float64(size), v.down*float64(size), v.scale)
	} else {
		copy(dst, between)
	}
	if v.brightness != 1 {
		brighten(dst, v.brightness)
	}
	if v.contrast != 1 {
		contrast(dst, v.contrast)
	}
	if v.saturation != 1 {
		saturate(dst, v.saturation)
	}
	if v.stain != (stain{}) {
		restain(dst, v.stain)
	}
	blur(dst, between, size, v.sigma)
	cutout(dst, size, v.hole, v.holeX, v.holeY)
	for i, x := range dst { // weights of neighbours may add up to a little more than 1
		dst[i] = level(x)
	}
}

// level keeps a number within the levels of an image. Comparisons are twice as
// fast here as min and max, which look for -0 and NaN.
func level(v float32) float32 {
	if v < 0 {
		return 0
	}
	if v > 255 {
		return 255
	}
	return v
}
