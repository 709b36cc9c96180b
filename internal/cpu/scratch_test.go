package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// checkScratch runs f on new devices of every kernel set, on one thread and on
// two: what is said beforehand is what is taken, no less, and not 1.3 times as
// much. Some bytes are said for the rare case: the border of tiles, a row of
// tiles that ends within an image.
func checkScratch(said func(d *Device) Scratch, f func(d *Device)) error {
	for _, k := range available() {
		for threads := 1; threads <= 2; threads++ {
			d := newDevice(threads, k)
			f(d)
			d.team.level() // a task of one piece has not done it
			taken, bytes := d.ScratchBytes(), said(d).Bytes(threads)
			d.Close()
			if rare := int64(threads) * 32 << 10; taken > bytes || float64(bytes) > 1.3*float64(taken)+float64(rare) {
				return fmt.Errorf("%s: said %d bytes, taken %d: said %+v", d.Name(), bytes, taken, said(d))
			}
		}
	}
	return nil
}

func TestScratchOfBlockConv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawConv(t)
		s.C, s.Groups = s.C/s.Groups, 1
		s.C *= rapid.SampledFrom([]int{1, 9, 40}).Draw(t, "channels")
		s.K *= rapid.SampledFrom([]int{1, 7}).Draw(t, "outputs")
		a := Direct
		if s.CanWinograd() {
			a = Algorithm(rapid.SampledFrom(append([]int{0}, winogradTiles...)).Draw(t, "tile"))
		}
		fail(t, checkBlockScratch(s, a))
	})
}

// Sizes at which Winograd's two orders and the shared panel take over.
func TestScratchOfLayers(t *testing.T) {
	for _, s := range []ConvShape{tiled(1, 64, 64, 56, 56), tiled(3, 256, 256, 14, 14), tiled(1, 512, 512, 7, 7), tiled(2, 290, 290, 6, 5)} {
		for _, a := range []Algorithm{Direct, Winograd2, Winograd4, Winograd6} {
			if err := checkBlockScratch(s, a); err != nil {
				t.Errorf("%+v %v: %v", s, a, err)
			}
		}
	}
}

func checkBlockScratch(s ConvShape, a Algorithm) error {
	x, w := make([]float32, s.N*s.C*s.H*s.W), make([]float32, s.K*s.depth())
	return checkScratch(func(d *Device) Scratch { return d.BlockConvScratch(s, a) }, func(d *Device) {
		y := emptyBlocks(d, s.N, s.K, s.OH, s.OW)
		d.BlockConv(d.PackBlockConv(s, w, nil, a), y, blocksOf(d, x, s.N, s.C, s.H, s.W, 0), BlockEpilogue{})
	})
}

func TestScratchOfConv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawConv(t)
		s.K *= rapid.SampledFrom([]int{1, 33}).Draw(t, "outputs")
		s.C *= rapid.SampledFrom([]int{1, 33}).Draw(t, "inputs")
		r := rand.New(rand.NewPCG(1, 1))
		x, w, y := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.N*s.K*s.OH*s.OW)
		fail(t, checkScratch(func(d *Device) Scratch { return d.ConvOnceScratch(s) }, func(d *Device) { d.ConvOnce(s, y, x, w, Epilogue{}) }))
		fail(t, checkScratch(func(d *Device) Scratch { return d.ConvGradInputScratch(s) }, func(d *Device) { d.ConvGradInput(s, x, y, w) }))
		fail(t, checkScratch(func(d *Device) Scratch { return d.ConvGradWeightScratch(s) }, func(d *Device) { d.ConvGradWeight(s, w, nil, y, x) }))
	})
}

func TestScratchOfGemm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := func(name string) int { return rapid.SampledFrom([]int{1, 2, 7, 33, 130, 700}).Draw(t, name) }
		m, n, k := size("m"), size("n"), size("k")
		ta, tb := rapid.Bool().Draw(t, "transA"), rapid.Bool().Draw(t, "transB")
		a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		fail(t, checkScratch(func(d *Device) Scratch { return d.GemmScratch(ta, tb, m, n, k) }, func(d *Device) {
			d.Gemm(ta, tb, m, n, k, c, a, b, GemmEpilogue{})
		}))
	})
}
