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

func TestConvMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawConv(t)
		r := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
		var e Epilogue
		if rapid.Bool().Draw(t, "bias") {
			e.Bias = random(r, s.K)
		}
		if rapid.Bool().Draw(t, "add") {
			e.Add = random(r, s.N*s.K*s.OH*s.OW)
		}
		if rapid.Bool().Draw(t, "clamp") {
			e.Clamp, e.Lo, e.Hi = true, -0.5, 2
		}
		want := naiveConv(s, x, w, e)
		for _, d := range list {
			y, check := guarded(len(want))
			d.Conv(s, y, x, d.PackConv(s, w), e)
			fail(t, near(d.Name(), y, want, s.depth()), check(d.Name()))
			if e.Add != nil { // in place
				copy(y, e.Add)
				e := e
				e.Add = y
				d.Conv(s, y, x, d.PackConv(s, w), e)
				fail(t, near(d.Name()+" in place", y, want, s.depth()))
			}
		}
	})
}

func TestConvGradientsMatchPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawConv(t)
		r := rand.New(rand.NewPCG(2, rapid.Uint64().Draw(t, "seed")))
		x, w, dy := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.N*s.K*s.OH*s.OW)
		wantX, wantW, wantB := make([]float64, len(x)), make([]float64, len(w)), make([]float64, s.K)
		cg, kg := s.C/s.Groups, s.K/s.Groups
		naiveTaps(s, func(n, k, c, r, t, p, q, h, v int) {
			xi, wi, yi := ((n*s.C+k/kg*cg+c)*s.H+h)*s.W+v, ((k*cg+c)*s.R+r)*s.S+t, ((n*s.K+k)*s.OH+p)*s.OW+q
			wantX[xi] += float64(w[wi]) * float64(dy[yi])
			wantW[wi] += float64(x[xi]) * float64(dy[yi])
		})
		for i, v := range dy {
			wantB[i/(s.OH*s.OW)%s.K] += float64(v)
		}
		for _, d := range list {
			dx, checkX := guarded(len(x))
			dw, checkW := guarded(len(w))
			db, checkB := guarded(s.K)
			d.ConvGradInput(s, dx, dy, w)
			d.ConvGradWeight(s, dw, db, dy, x)
			fail(t, near(d.Name()+" dx", dx, wantX, 1), near(d.Name()+" dw", dw, wantW, s.N*s.OH*s.OW), near(d.Name()+" dbias", db, wantB, s.N*s.OH*s.OW))
			fail(t, checkX("dx"), checkW("dw"), checkB("dbias"))
			d.ConvGradWeight(s, dw, nil, dy, x)
			fail(t, near(d.Name()+" dw", dw, wantW, s.N*s.OH*s.OW))
			if s.Groups == 1 { // whatever the number of channels
				clear(dw)
				d.convGradMatrix(s, dw, dy, x)
				fail(t, near(d.Name()+" dw by matrix products", dw, wantW, s.N*s.OH*s.OW), checkW("dw"))
			}
		}
	})
}

func TestConvLayers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, s := range []ConvShape{
		square(2, 130, 7, 70, 3, 1, 1), square(3, 300, 7, 257, 1, 1, 0), square(1, 64, 14, 100, 3, 2, 1),
		square(1, 3, 45, 64, 7, 2, 3), square(2, 16, 33, 16, 3, 1, 0), square(1, 3000, 3, 20, 1, 1, 0),
	} {
		x, w, bias := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.K)
		want := naiveConv(s, x, w, Epilogue{Bias: bias})
		for _, d := range devices(t) {
			y, check := guarded(len(want))
			d.Conv(s, y, x, d.PackConv(s, w), Epilogue{Bias: bias})
			if err := near(d.Name(), y, want, s.depth()); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
			if err := check(d.Name()); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
	}
}

// The tiles of weights that learn: forward, turned for the gradient by the
// input, and the gradient by the weights, by every way there is.
func TestConvTiledMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		s := ConvShape{N: draw("N", 1, 3), C: draw("C", 1, 40), H: draw("H", 1, 14), W: draw("W", 1, 14), K: draw("K", 1, 40), R: 3, S: 3,
			StrideH: 1, StrideW: 1, PadTop: draw("PadTop", 0, 2), PadLeft: draw("PadLeft", 0, 2), DilationH: 1, DilationW: 1, Groups: 1}
		bottom, right := draw("PadBottom", 0, 2), draw("PadRight", 0, 2)
		s.H, s.W = max(s.H, 3-s.PadTop-bottom), max(s.W, 3-s.PadLeft-right) // hold the window
		s.OH, s.OW = s.H+s.PadTop+bottom-2, s.W+s.PadLeft+right-2
		r := rand.New(rand.NewPCG(6, rapid.Uint64().Draw(t, "seed")))
		x, w, dy, bias := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.N*s.K*s.OH*s.OW), random(r, s.K)
		e := Epilogue{Bias: bias, Clamp: rapid.Bool().Draw(t, "clamp"), Lo: -1, Hi: 6}
		want, wantX, wantW := naiveConv(s, x, w, e), make([]float64, len(x)), make([]float64, len(w))
		naiveTaps(s, func(n, k, c, r, t, p, q, h, v int) {
			xi, wi, yi := ((n*s.C+c)*s.H+h)*s.W+v, ((k*s.C+c)*3+r)*3+t, ((n*s.K+k)*s.OH+p)*s.OW+q
			wantX[xi] += float64(w[wi]) * float64(dy[yi])
			wantW[wi] += float64(x[xi]) * float64(dy[yi])
		})
		back := ConvShape{N: s.N, C: s.K, H: s.OH, W: s.OW, K: s.C, R: 3, S: 3, OH: s.H, OW: s.W, StrideH: 1, StrideW: 1,
			PadTop: 2 - s.PadTop, PadLeft: 2 - s.PadLeft, DilationH: 1, DilationW: 1, Groups: 1}
		axis := phaseOf(0, 3, 1, 0, 1, 3)
		turned := panelTask{w: w, s: back, turned: true, from: phaseTaps{axis, axis, 3, 3}}
		for _, d := range list {
			for _, m := range winogradTiles {
				a := Algorithm(m)
				y, check := guarded(len(dy))
				dx, checkX := guarded(len(x))
				d.convTiled(a, y, x, panelTask{w: w, s: s}, e)
				d.convTiled(a, dx, dy, turned, Epilogue{})
				dw, checkW := guarded(len(w))
				d.convGradTiled(a, s, dw, dy, x)
				fail(t, within(2*rounding(a), fmt.Sprint(d.Name(), a), y, want, s.depth()), check("y"),
					within(2*rounding(a), fmt.Sprint(d.Name(), a, " dx"), dx, wantX, 9*s.K), checkX("dx"),
					within(2*rounding(a), fmt.Sprint(d.Name(), a, " dw"), dw, wantW, s.N*s.OH*s.OW), checkW("dw"))
			}
		}
	})
}

// Tiles of which there are more than are summed up at once, blocks of several
// panels, panels and blocks that are not full, pads that differ: all the paths
// of the gradient by the weights, its scratch, and any number of threads.
func TestConvGradTiledLayers(t *testing.T) {
	uneven := tiled(9, 150, 50, 12, 14)
	uneven.PadTop, uneven.PadLeft = 0, 2
	for _, s := range []ConvShape{tiled(20, 33, 35, 13, 9), tiled(2, 300, 97, 7, 11), uneven, tiled(1, 1, 1, 1, 1)} {
		r := rand.New(rand.NewPCG(7, 7))
		x, dy := random(r, s.N*s.C*s.H*s.W), random(r, s.N*s.K*s.OH*s.OW)
		want := make([]float64, s.K*s.depth())
		naiveTaps(s, func(n, k, c, r, t, p, q, h, v int) {
			want[((k*s.C+c)*3+r)*3+t] += float64(x[((n*s.C+c)*s.H+h)*s.W+v]) * float64(dy[((n*s.K+k)*s.OH+p)*s.OW+q])
		})
		for _, m := range winogradTiles {
			a := Algorithm(m)
			for _, k := range available() {
				var first []float32
				for _, threads := range []int{1, 3} {
					d := newDevice(threads, k)
					dw, check := guarded(len(want))
					d.convGradTiled(a, s, dw, dy, x)
					d.Close()
					name := fmt.Sprintf("%s %v %+v", d.Name(), a, s)
					if err := errors.Join(within(2*rounding(a), name, dw, want, s.N*s.OH*s.OW), check(name)); err != nil {
						t.Error(err)
					}
					if first == nil {
						first = slices.Clone(dw)
					}
					if !slices.Equal(dw, first) {
						t.Errorf("%s: differs from 1 thread", name)
					}
				}
			}
			dw := make([]float32, len(want))
			if err := checkScratch(func(d *Device) Scratch { return d.gradTiledScratch(a, s) }, func(d *Device) { d.convGradTiled(a, s, dw, dy, x) }); err != nil {
				t.Errorf("%v %+v: %v", a, s, err)
			}
		}
	}
}

// No images give no gradients, by every way.
func TestConvGradWeightOfNothing(t *testing.T) {
	for _, s := range []ConvShape{square(0, 64, 8, 64, 3, 1, 1), square(0, 64, 8, 64, 1, 1, 0), square(0, 3, 8, 4, 3, 1, 1)} {
		for _, d := range devices(t) {
			dw, db := random(rand.New(rand.NewPCG(8, 8)), s.K*s.depth()), make([]float32, s.K)
			if d.ConvGradWeight(s, dw, db, nil, nil); slices.ContainsFunc(dw, func(v float32) bool { return v != 0 }) {
				t.Errorf("%s: %+v: gradients are not zero", d.Name(), s)
			}
		}
	}
}

// square is a convolution of square images and windows.
func square(n, c, size, k, window, stride, pad int) ConvShape {
	out := (size+2*pad-window)/stride + 1
	return ConvShape{N: n, C: c, H: size, W: size, K: k, R: window, S: window, OH: out, OW: out,
		StrideH: stride, StrideW: stride, PadTop: pad, PadLeft: pad, DilationH: 1, DilationW: 1, Groups: 1}
}

func TestConvKeepsNaN(t *testing.T) {
	s := square(1, 2, 40, 5, 3, 1, 0)
	for _, d := range devices(t) {
		x, w := make([]float32, 2*40*40), make([]float32, 5*18)
		for i := range w {
			w[i] = 1
		}
		x[41] = float32(math.NaN())
		y := make([]float32, 5*38*38)
		d.Conv(s, y, x, d.PackConv(s, w), Epilogue{Clamp: true, Lo: 0, Hi: 6})
		if y[0] == y[0] {
			t.Errorf("%s: output 0 is %g, want NaN", d.Name(), y[0])
		}
		if y[38*38-1] != 0 {
			t.Errorf("%s: last output is %g, want 0", d.Name(), y[38*38-1])
		}
	}
}

// The number of threads must not change a bit of any result.
func TestThreadsGiveEqualBytes(t *testing.T) {
	layers := []ConvShape{square(4, 40, 15, 60, 3, 1, 1), square(5, 16, 30, 16, 3, 1, 0), square(1, 70, 7, 600, 1, 1, 0), square(3, 3, 30, 20, 5, 2, 2), square(8, 64, 20, 64, 3, 1, 1)}
	for _, k := range available() {
		var first [][]float32
		for _, threads := range []int{1, 2, 5} {
			d := newDevice(threads, k)
			r := rand.New(rand.NewPCG(4, 4))
			var all [][]float32
			for _, s := range layers {
				x, w, dy := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.N*s.K*s.OH*s.OW)
				y, dx, dw, db := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w)), make([]float32, s.K)
				once := make([]float32, len(dy))
				d.Conv(s, y, x, d.PackConv(s, w), Epilogue{})
				d.ConvOnce(s, once, x, w, Epilogue{})
				d.ConvGradInput(s, dx, dy, w)
				d.ConvGradWeight(s, dw, db, dy, x)
				all = append(all, y, once, dx, dw, db)
			}
			c := make([]float32, 40*700)
			d.Gemm(true, false, 40, 700, 300, c, random(r, 40*300), random(r, 300*700), GemmEpilogue{})
			all = append(all, c)
			d.Close()
			if first == nil {
				first = all
			}
			for i := range all {
				if !slices.Equal(all[i], first[i]) {
					t.Errorf("%s: result %d on %d threads differs from 1 thread", k.name, i, threads)
				}
			}
		}
	}
}

func TestConvDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, s := range []ConvShape{square(4, 40, 15, 60, 3, 1, 1), square(5, 16, 30, 16, 3, 1, 0), square(3, 32, 14, 33, 3, 2, 1), square(8, 64, 20, 64, 3, 1, 1)} {
		for _, d := range devices(t) {
			x, w, dy := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.N*s.K*s.OH*s.OW)
			y, dx, dw, db := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w)), make([]float32, s.K)
			packed := d.PackConv(s, w)
			n := testing.AllocsPerRun(20, func() {
				d.Conv(s, y, x, packed, Epilogue{Bias: db, Clamp: true})
				d.ConvOnce(s, y, x, w, Epilogue{Bias: db, Clamp: true})
				d.ConvGradInput(s, dx, dy, w)
				d.ConvGradWeight(s, dw, db, dy, x)
			})
			if n != 0 {
				t.Errorf("%s %+v: %v allocations in a step, want 0", d.Name(), s, n)
			}
		}
	}
}
