package augment

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/testkit"
)

// The eight orientations of a square, by their first letters.
func TestTurnIsExact(t *testing.T) {
	src := []float32{'a', 'b', 'c', 'd', 1, 2, 3, 4, 5, 6, 7, 8} // rows ab, cd
	for _, c := range []struct {
		flip  bool
		turns int
		want  string
	}{
		{false, 0, "abcd"}, {false, 1, "bdac"}, {false, 2, "dcba"}, {false, 3, "cadb"},
		{true, 0, "badc"}, {true, 1, "acbd"}, {true, 2, "cdab"}, {true, 3, "dbca"},
	} {
		dst := make([]float32, len(src))
		turn(dst, src, 2, c.flip, c.turns)
		got := ""
		for _, v := range dst[:4] {
			got += string(rune(v))
		}
		if got != c.want {
			t.Errorf("flip %v, %d turns: %s, want %s", c.flip, c.turns, got, c.want)
		}
	}
}

// Four quarter turns, or two flips, are nothing; no pixel is lost.
func TestTurnComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size, turns := rapid.IntRange(1, 9).Draw(t, "size"), rapid.IntRange(0, 3).Draw(t, "turns")
		src := random(Random(1, "", size), size)
		a, b := make([]float32, len(src)), make([]float32, len(src))
		turn(a, src, size, false, turns)
		turn(b, a, size, false, 4-turns)
		if !slices.Equal(b, src) {
			t.Fatal("turned on to a whole turn it is another image")
		}
		turn(a, src, size, true, turns)
		turn(b, a, size, true, turns) // a flip turns the other way round
		if !slices.Equal(b, src) {
			t.Fatal("mirrored and turned twice it is another image")
		}
	})
}

// A shift by whole pixels moves pixels and repeats the edge.
func TestPlaceByWholePixels(t *testing.T) {
	const size = 5
	src, dst := random(Random(1, "", 0), size), make([]float32, 3*size*size)
	place(dst, src, size, 2, -1, 1)
	for i := range dst {
		c, y, x := i/(size*size), i/size%size, i%size
		if want := src[(c*size+min(y+1, size-1))*size+max(x-2, 0)]; dst[i] != want {
			t.Errorf("(%d,%d,%d) is %g, want %g", c, y, x, dst[i], want)
		}
	}
}

// Of a ramp, which bilinear interpolation keeps, shift and scale are what they say.
func TestPlaceOfARamp(t *testing.T) {
	const size, right, down, scale = 16, 1.3, -.6, 1.25
	at := func(y, x float64) float64 { return 3*y + 7*x }
	src, dst := make([]float32, 3*size*size), make([]float32, 3*size*size)
	for i := range src {
		src[i] = float32(at(float64(i/size%size), float64(i%size)))
	}
	place(dst, src, size, right, down, scale)
	from := func(i int, shift float64) float64 {
		return min(max((float64(i)-7.5-shift)/scale+7.5, 0), size-1)
	}
	for i, v := range dst {
		if want := at(from(i/size%size, down), from(i%size, right)); math.Abs(float64(v)-want) > 1e-4 {
			t.Fatalf("(%d,%d) is %g, want %g", i/size%size, i%size, v, want)
		}
	}
}

// restain is the formula of its comment, computed straight on in float64.
func TestRestain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s stain
		for k := range 3 {
			s.gain[k], s.offset[k] = rapid.Float64Range(-.5, .5).Draw(t, "gain"), rapid.Float64Range(-.5, .5).Draw(t, "offset")
		}
		src := random(Random(1, "", rapid.Int().Draw(t, "n")), 4)
		src[0], src[1], src[17] = 0, 255, 1
		got := slices.Clone(src)
		restain(got, s)
		for i := range 16 {
			want := restained([3]float64{float64(src[i]), float64(src[16+i]), float64(src[32+i])}, s)
			for c := range 3 {
				if v := float64(got[16*c+i]); math.Abs(v-want[c]) > .004 {
					t.Fatalf("level %g of %v becomes %g, want %g", src[16*c+i], s, v, want[c])
				}
			}
		}
	})
}

// restained is one pixel of restain.
func restained(v [3]float64, s stain) (out [3]float64) {
	od := mat.NewDense(1, 3, nil)
	for c := range 3 {
		od.Set(0, c, -math.Log(max(v[c], 1)/255))
	}
	var amount, after mat.Dense
	amount.Mul(od, unmix)
	for k := range 3 {
		amount.Set(0, k, amount.At(0, k)*(1+s.gain[k])+s.offset[k])
	}
	after.Mul(&amount, dyes)
	for c := range 3 {
		out[c] = min(v[c]*math.Exp(od.At(0, c)-after.At(0, c)), 255)
	}
	return out
}

func TestExp(t *testing.T) {
	for x := float32(-100); x < 88; x += .013 {
		want := math.Exp(float64(x))
		if got := float64(exp(x)); math.Abs(got-want) > (4+math.Abs(float64(x)))*0x1p-24*want+1e-40 { // the last is denormal
			t.Fatalf("exp(%g) is %g, want %g", x, got, want)
		}
	}
}

// A blur keeps a plain image and, away from the edge, the sum of a dot.
func TestBlur(t *testing.T) {
	const size = 31
	plain, between := slices.Repeat([]float32{93}, 3*size*size), make([]float32, 3*size*size)
	want := slices.Clone(plain)
	blur(plain, between, size, 2.2)
	testkit.Compare(t, "plain", plain, want, testkit.Close)
	dot, sum := make([]float32, 3*size*size), 0.0
	dot[size*size/2] = 200
	blur(dot, between, size, 1.5)
	for _, v := range dot {
		sum += float64(v)
	}
	if math.Abs(sum-200) > 1e-3 || dot[size*size/2] > 20 || dot[size*size/2+1] != dot[size*size/2-size] {
		t.Errorf("a dot of 200 became %g in all, %g in its middle, beside it %g and above it %g", sum, dot[size*size/2], dot[size*size/2+1], dot[size*size/2-size])
	}
}

// A hole is plain, of the size that was asked for, and the rest stays.
func TestCutout(t *testing.T) {
	const size = 20
	for _, c := range []struct {
		share, x, y              float64
		left, top, right, bottom int
	}{{.25, .5, .5, 8, 8, 13, 13}, {.5, 0, .99, 0, 14, 5, 20}} {
		src := random(Random(1, "", 0), size)
		got := slices.Clone(src)
		cutout(got, size, c.share, c.x, c.y)
		for i, v := range got {
			ch, y, x := i/(size*size), i/size%size, i%size
			if x < c.left || x >= c.right || y < c.top || y >= c.bottom {
				if v != src[i] {
					t.Fatalf("%+v: (%d,%d) changed outside", c, y, x)
				}
				continue
			}
			mean := 0.0
			for _, u := range src[ch*size*size:][:size*size] {
				mean += float64(u) / (size * size)
			}
			if math.Abs(float64(v)-mean) > 1e-4 {
				t.Fatalf("%+v: (%d,%d) is %g, want the mean %g", c, y, x, v, mean)
			}
		}
	}
}
