package cpu

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// Fingerprint is a digest of what the kernels of d make of a few fixed numbers,
// by every algorithm, in float32 and in p: it changes with the arithmetic, and
// does not depend on the number of threads. d must have p, see HasPrecision.
func (d *Device) Fingerprint(p Precision) string {
	a := d.Alone()
	defer a.Close()
	r := rand.New(rand.NewPCG(1, 2))
	numbers := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = r.Float32() - 0.5
		}
		return x
	}
	f := &fingerprint{d: a, p: p, numbers: numbers}
	return f.digest()
}

// fingerprint is the work of Fingerprint.
type fingerprint struct {
	d       *Device
	p       Precision
	numbers func(n int) []float32
	results []float32
}

func (f *fingerprint) digest() string {
	s := ConvShape{N: 1, C: 37, H: 13, W: 11, K: 35, R: 3, S: 3, OH: 13, OW: 11, StrideH: 1, StrideW: 1,
		PadTop: 1, PadLeft: 1, DilationH: 1, DilationW: 1, Groups: 1}
	f.convolve(s)
	f.deep()
	f.others(s)
	h := sha256.New()
	binary.Write(h, binary.LittleEndian, f.results) // a hash never fails
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// keep adds y to the results.
func (f *fingerprint) keep(y Blocks) {
	x := make([]float32, y.C*y.pixels())
	f.d.FromBlocks(x, y)
	f.results = append(f.results, x...)
}

// maps is room for maps of c channels like those of s.
func (f *fingerprint) maps(s ConvShape, c int) Blocks {
	return f.d.Blocks(make([]float32, f.d.BlocksSize(s.N, c, s.H, s.W)), s.N, c, s.H, s.W)
}

// convolve keeps the results of dense convolutions.
func (f *fingerprint) convolve(s ConvShape) {
	x, y := f.maps(s, s.C), f.maps(s, s.K)
	f.d.ToBlocks(x, f.numbers(s.C*s.H*s.W))
	w, bias := f.numbers(s.K*s.depth()), f.numbers(s.K)
	for _, a := range []Algorithm{Direct, Winograd2, Winograd4, Winograd5, Winograd6} {
		f.d.BlockConv(f.d.PackBlockConv(s, w, bias, a), y, x, BlockEpilogue{})
		f.keep(y)
	}
	if f.p != Float32 {
		f.d.LowConv(f.d.PackLowConv(s, w, bias, f.p, Quantisation{Scale: 1. / 255, Zero: 128}), y, x, BlockEpilogue{})
		f.keep(y)
	}
}

// deep keeps the results of a direct convolution that sums up in parts.
func (f *fingerprint) deep() {
	s := ConvShape{N: 1, C: 600, H: 3, W: 3, K: 33, R: 3, S: 3, OH: 3, OW: 3, StrideH: 1, StrideW: 1,
		PadTop: 1, PadLeft: 1, DilationH: 1, DilationW: 1, Groups: 1}
	x, y := f.maps(s, s.C), f.maps(s, s.K)
	f.d.ToBlocks(x, f.numbers(s.C*s.H*s.W))
	f.d.BlockConv(f.d.PackBlockConv(s, f.numbers(s.K*s.depth()), nil, Direct), y, x, BlockEpilogue{})
	f.keep(y)
}

// others keeps the results of what else adds numbers up.
func (f *fingerprint) others(s ConvShape) {
	x, y := f.maps(s, s.C), f.maps(s, s.K)
	stem := s
	stem.C = 3
	by := Normalise{Scale: f.numbers(3), Shift: f.numbers(3)}
	f.d.BlockStem(f.d.PackBlockStem(stem, f.numbers(stem.K*stem.depth()), nil, by), y, f.numbers(stem.C*s.H*s.W), BlockEpilogue{})
	f.keep(y)
	f.d.ToBlocks(x, f.numbers(s.C*s.H*s.W))
	deep, z := s, f.maps(s, s.C)
	deep.K, deep.Groups = s.C, s.C
	f.d.BlockDepthwise(f.d.PackBlockDepthwise(deep, f.numbers(s.C*9), nil), z, x, BlockEpilogue{})
	f.keep(z)
	pool := s.window()
	pool.N, pool.C = s.N, s.C
	f.d.BlockAvgPool(pool, z, x, true)
	f.keep(z)
	means, product := make([]float32, s.C), make([]float32, 5*s.K)
	f.d.BlockGlobalAvgPool(means, x)
	f.d.Gemm(false, true, 5, s.K, s.C, product, f.numbers(5*s.C), f.numbers(s.K*s.C), GemmEpilogue{})
	f.results = append(append(f.results, means...), product...)
}
