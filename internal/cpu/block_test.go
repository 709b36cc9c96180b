package cpu

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// blocksOf is x (N,C,H,W) in blocks, with room between the blocks that holds
// what nobody may read as a result.
func blocksOf(d *Device, x []float32, n, c, h, w, gap int) Blocks {
	l := d.Lanes()
	stride := n*h*w*l + gap*l
	b := Blocks{Data: make([]float32, ceilDiv(c, l)*stride), N: n, C: c, H: h, W: w, Lanes: l, Stride: stride}
	for i := range b.Data {
		b.Data[i] = 1e30
	}
	d.ToBlocks(b, x)
	return b
}

// plain is the numbers of b as (N,C,H,W).
func plain(d *Device, b Blocks) []float32 {
	y := make([]float32, b.N*b.C*b.H*b.W)
	d.FromBlocks(y, b)
	return y
}

// emptyBlocks are maps with room before and behind each block.
func emptyBlocks(d *Device, n, c, h, w int) Blocks {
	b := blocksOf(d, make([]float32, n*c*h*w), n, c, h, w, 3)
	for i := range b.Data {
		b.Data[i] = -7
	}
	return b
}

// untouched reports numbers changed between the blocks of b.
func untouched(b Blocks) error {
	size := b.N * b.H * b.W * b.Lanes
	for i, v := range b.Data {
		if i%b.Stride >= size && v != -7 {
			return fmt.Errorf("number %d between the blocks was overwritten by %g", i, v)
		}
	}
	return nil
}

func TestBlocksAreTurnedAndBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range devices(t) {
		for _, c := range []int{1, 8, 16, 19, 40} {
			x := random(r, 2*c*5*3)
			got := plain(d, blocksOf(d, x, 2, c, 5, 3, 1))
			for i := range x {
				if x[i] != got[i] {
					t.Fatalf("%s, %d channels: [%d] is %g, want %g", d.Name(), c, i, got[i], x[i])
				}
			}
		}
	}
}

// epilogueCase says what an epilogue has.
type epilogueCase struct {
	seed           uint64
	bias, add, one bool // one: a limit on both sides is one of them only
	clamp          bool
	lo             float32 // of the clamp
}

func drawEpilogue(t *rapid.T) epilogueCase {
	b := func(name string) bool { return rapid.Bool().Draw(t, name) }
	lo := rapid.SampledFrom([]float32{0, -1.5, 0.5}).Draw(t, "lo")
	return epilogueCase{rapid.Uint64().Draw(t, "seed"), b("bias"), b("add"), b("one"), b("clamp"), lo}
}

// make returns the epilogue in both descriptions; Add of the second is left out.
func (c epilogueCase) make(r *rand.Rand, s ConvShape) (e Epilogue, b BlockEpilogue) {
	if c.bias {
		e.Bias = random(r, s.K)
	}
	if c.add {
		e.Add = random(r, s.N*s.K*s.OH*s.OW)
	}
	if e.Clamp, e.Lo, e.Hi = c.clamp, c.lo, 2; c.one {
		e.Hi = float32(math.Inf(1))
	}
	b.Clamp, b.Lo, b.Hi = e.Clamp, e.Lo, e.Hi
	return e, b
}

func TestBlockConvMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawConv(t)
		s.C, s.Groups = s.C/s.Groups, 1
		s.C *= rapid.SampledFrom([]int{1, 9}).Draw(t, "channels")
		s.K *= rapid.SampledFrom([]int{1, 7}).Draw(t, "outputs")
		fail(t, checkBlockConv(list, s, Direct, drawEpilogue(t)))
	})
}

func TestWinogradMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		s := tiled(draw("N", 1, 3), draw("C", 1, 36), draw("K", 1, 70), draw("H", 1, 20), draw("W", 1, 20))
		s.PadTop, s.PadLeft = draw("top", 0, 2), draw("left", 0, 2)
		s.OH, s.OW = max(1, s.H+s.PadTop-2+draw("bottom", 0, 2)), max(1, s.W+s.PadLeft-2+draw("right", 0, 2))
		for _, m := range winogradTiles {
			fail(t, checkBlockConv(list, s, Algorithm(m), drawEpilogue(t)))
		}
	})
}

// tiled is a 3×3 convolution with a border of 1.
func tiled(n, c, k, h, w int) ConvShape {
	return ConvShape{N: n, C: c, H: h, W: w, K: k, R: 3, S: 3, OH: h, OW: w, StrideH: 1, StrideW: 1,
		PadTop: 1, PadLeft: 1, DilationH: 1, DilationW: 1, Groups: 1}
}

// Deep sums are cut into parts: the bias and the residual count once, the clamp
// comes last, and the number of threads does not matter.
func TestDeepBlockConvMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	for i, s := range []ConvShape{tiled(1, 700, 33, 6, 5), tiled(3, 700, 17, 6, 5), tiled(1, 6000, 33, 3, 3), tiled(2, 6000, 17, 4, 3)} {
		if s.C == 6000 {
			s.R, s.S, s.PadTop, s.PadLeft = 1, 1, 0, 0
		} else {
			s.StrideH, s.StrideW, s.OH, s.OW = 2, 2, 3, 3
		}
		for add := range 2 {
			c := epilogueCase{seed: uint64(i), bias: true, add: add > 0, clamp: true, lo: -0.5}
			if err := checkBlockConv(list, s, Direct, c); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
		r := rand.New(rand.NewPCG(1, uint64(i)))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
		for _, k := range available() {
			var want []float32
			for _, threads := range []int{1, 3} {
				d := newDevice(threads, k)
				c, y := d.PackBlockConv(s, w, nil, Direct), emptyBlocks(d, s.N, s.K, s.OH, s.OW)
				if p := c.panels[0]; 4*p.blocks*d.Lanes()*s.depth() <= fetchBytes {
					t.Errorf("%s: %+v is no deep sum", d.Name(), s)
				}
				d.BlockConv(c, y, blocksOf(d, x, s.N, s.C, s.H, s.W, 0), BlockEpilogue{})
				if got := plain(d, y); want == nil {
					want = got
				} else if !slices.Equal(got, want) {
					t.Errorf("%s: other numbers than with one thread", d.Name())
				}
				d.Close()
			}
		}
	}
}

// Few tiles of many channels take the three passes.
func TestWinogradInPassesMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	for i := range uint64(4) {
		c := epilogueCase{seed: i, bias: true, add: i%2 > 0, clamp: i/2 > 0, lo: -0.5}
		if err := checkBlockConv(list, tiled(2, 290, 290, 6, 5), Winograd6, c); err != nil {
			t.Error(err)
		}
	}
}

// One image of a few tiles goes through Winograd's steps in passes, many images
// throughout: the numbers of an image stay the same.
func TestWinogradOrdersAgree(t *testing.T) {
	const most = 48
	r := rand.New(rand.NewPCG(1, 3))
	s := tiled(most, 64, 64, 12, 12)
	x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
	for _, k := range available() {
		d := newDevice(2, k)
		defer d.Close()
		c := d.PackBlockConv(s, w, nil, Winograd6)
		all := blocksOf(d, x, s.N, s.C, s.H, s.W, 0)
		orders := map[bool][]float32{} // by whether in passes
		for _, n := range []int{1, most} {
			y := emptyBlocks(d, n, s.K, s.OH, s.OW)
			d.BlockConv(c, y, all.Images(0, n), BlockEpilogue{})
			orders[d.wino.pass > 0] = plain(d, y.Images(0, 1))
		}
		if len(orders) != 2 {
			t.Errorf("%s: 1 and %d images take the same order, wanted both: inPasses has changed, and so must the sizes here", d.Name(), most)
			continue
		}
		if !slices.Equal(orders[true], orders[false]) {
			t.Errorf("%s: the orders give different numbers", d.Name())
		}
	}
}

// checkBlockConv compares a convolution of blocks with the plain loop.
func checkBlockConv(list []*Device, s ConvShape, a Algorithm, ec epilogueCase) error {
	r := rand.New(rand.NewPCG(1, ec.seed))
	x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
	e, be := ec.make(r, s)
	want := naiveConv(s, x, w, e)
	for _, d := range list {
		be.Add = Blocks{}
		if e.Add != nil {
			be.Add = blocksOf(d, e.Add, s.N, s.K, s.OH, s.OW, 2)
		}
		c := d.PackBlockConv(s, w, e.Bias, a)
		y, name := emptyBlocks(d, s.N, s.K, s.OH, s.OW), fmt.Sprintf("%s %v", d.Name(), a)
		d.BlockConv(c, y, blocksOf(d, x, s.N, s.C, s.H, s.W, 1), be)
		err := errors.Join(within(rounding(a), name, plain(d, y), want, s.depth()), untouched(y))
		if e.Add != nil { // in place
			d.BlockConv(c, be.Add, blocksOf(d, x, s.N, s.C, s.H, s.W, 1), be)
			err = errors.Join(err, within(rounding(a), name+" in place", plain(d, be.Add), want, s.depth()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rounding is the relative L2 error allowed to an algorithm: the transforms of
// Winograd's tiles cost a few bits (notes in docs/performance.md).
func rounding(a Algorithm) float64 {
	return map[Algorithm]float64{Direct: tolerance, Winograd2: tolerance, Winograd4: 5e-6, Winograd5: 8e-6, Winograd6: 1e-5}[a]
}

func TestWinogradPoolMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := ConvShape{N: 1, R: 3, S: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1, PadTop: 1, PadLeft: 1}
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		s.N, s.C, s.K, s.H, s.W = draw("N", 1, 2), draw("C", 1, 20), draw("K", 1, 40), 2*draw("H", 1, 8), 2*draw("W", 1, 8)
		s.OH, s.OW = s.H, s.W
		ec := drawEpilogue(t)
		ec.add = false
		r := rand.New(rand.NewPCG(1, ec.seed))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
		e, be := ec.make(r, s)
		be.Pool = true
		all := naiveConv(s, x, w, e)
		want := make([]float64, len(all)/4)
		for i := range want {
			plane, p, q := i/(s.H/2*s.W/2), i/(s.W/2)%(s.H/2), i%(s.W/2)
			at := (plane*s.H+2*p)*s.W + 2*q
			want[i] = max(all[at], all[at+1], all[at+s.W], all[at+s.W+1])
		}
		for _, d := range list {
			for _, m := range []int{2, 4, 6} {
				y := emptyBlocks(d, s.N, s.K, s.OH/2, s.OW/2)
				d.BlockConv(d.PackBlockConv(s, w, e.Bias, Algorithm(m)), y, blocksOf(d, x, s.N, s.C, s.H, s.W, 0), be)
				fail(t, within(rounding(Algorithm(m)), fmt.Sprint(d.Name(), m), plain(d, y), want, s.depth()), untouched(y))
			}
		}
	})
}

func TestBlockStemMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawConv(t)
		s.C, s.Groups = s.C/s.Groups, 1
		s.K *= rapid.SampledFrom([]int{1, 7, 17}).Draw(t, "outputs")
		ec := drawEpilogue(t)
		ec.add = false
		r := rand.New(rand.NewPCG(1, ec.seed))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
		e, be := ec.make(r, s)
		var in Normalise
		seen := x
		if rapid.Bool().Draw(t, "normalise") {
			in = Normalise{random(r, s.C), random(r, s.C), r.Perm(s.C)}
			seen = make([]float32, len(x))
			plane := s.H * s.W
			for i := range x {
				c := i / plane % s.C
				seen[i] = x[i+(in.From[c]-c)*plane]*in.Scale[c] + in.Shift[c]
			}
			own := make([]float32, len(x))
			list[0].Normalise(own, x, s.N, s.C, plane, in)
			fail(t, near("Normalise", own, wide(seen), 1))
		}
		want := naiveConv(s, seen, w, e)
		for _, d := range list {
			y := emptyBlocks(d, s.N, s.K, s.OH, s.OW)
			d.BlockStem(d.PackBlockStem(s, w, e.Bias, in), y, x, be)
			fail(t, near(d.Name(), plain(d, y), want, s.depth()), untouched(y))
		}
	})
}

func TestBlockDepthwiseMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawConv(t)
		s.C *= rapid.SampledFrom([]int{1, 5}).Draw(t, "channels")
		s.K, s.Groups = s.C, s.C
		ec := drawEpilogue(t)
		ec.add = false
		r := rand.New(rand.NewPCG(1, ec.seed))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
		e, be := ec.make(r, s)
		want := naiveConv(s, x, w, e)
		for _, d := range list {
			y := emptyBlocks(d, s.N, s.K, s.OH, s.OW)
			d.BlockDepthwise(d.PackBlockDepthwise(s, w, e.Bias), y, blocksOf(d, x, s.N, s.C, s.H, s.W, 1), be)
			fail(t, near(d.Name(), plain(d, y), want, s.depth()), untouched(y))
		}
	})
}

func TestBlockPoolsMatchPools(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawPool(t)
		s.C *= rapid.SampledFrom([]int{1, 5}).Draw(t, "channels")
		x := random(rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed"))), s.N*s.C*s.H*s.W)
		want := make([]float32, s.N*s.C*s.OH*s.OW)
		for _, d := range list {
			b := blocksOf(d, x, s.N, s.C, s.H, s.W, 1)
			y := emptyBlocks(d, s.N, s.C, s.OH, s.OW)
			d.MaxPool(s, want, x)
			d.BlockMaxPool(s, y, b)
			fail(t, near(d.Name()+" max", plain(d, y), wide(want), 1), untouched(y))
			for _, countPad := range []bool{false, true} {
				d.AvgPool(s, want, x, countPad)
				d.BlockAvgPool(s, y, b, countPad)
				fail(t, near(fmt.Sprint(d.Name(), " mean ", countPad), plain(d, y), wide(want), s.R*s.S), untouched(y))
			}
			means := make([]float32, s.N*s.C)
			d.BlockGlobalAvgPool(means, b)
			g := PoolShape{N: s.N, C: s.C, H: s.H, W: s.W, R: s.H, S: s.W, OH: 1, OW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
			d.AvgPool(g, want[:s.N*s.C], x, false)
			fail(t, near(d.Name()+" global", means, wide(want[:s.N*s.C]), s.H*s.W))
		}
	})
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
