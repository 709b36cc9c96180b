package augment

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/testkit"
)

// random is an image (3,S,S) of random levels.
func random(r *rand.Rand, size int) []float32 {
	x := make([]float32, 3*size*size)
	for i := range x {
		x[i] = 255 * r.Float32()
	}
	return x
}

// drawSpec draws any Spec.
func drawSpec(t *rapid.T) Spec {
	var s Spec
	for _, k := range knobs {
		if k.on != nil {
			*k.on(&s) = rapid.Bool().Draw(t, k.name)
		} else if rapid.Bool().Draw(t, "with "+k.name) {
			*k.at(&s) = rapid.Float64Range(0, k.top).Draw(t, k.name)
		}
	}
	return s
}

// Of any image and Spec, a variant has levels only, is the same for the same
// random numbers, in place or not, and leaves the original as it is.
func TestVariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, size, n := drawSpec(t), rapid.IntRange(1, 24).Draw(t, "size"), rapid.IntRange(0, 1<<20).Draw(t, "n")
		src := random(Random(1, "pixels", n), size)
		for i := range src {
			if i%7 == 0 {
				src[i] = float32(255 * (i % 2)) // black and white too
			}
		}
		before, a, b := slices.Clone(src), make([]float32, len(src)), slices.Clone(src)
		s.Apply(a, src, size, Random(3, "image", n))
		s.Apply(b, b, size, Random(3, "image", n))
		if !slices.Equal(src, before) {
			t.Fatal("the original changed")
		}
		if !slices.Equal(a, b) {
			t.Fatal("in place another variant came out")
		}
		for i, v := range a {
			if !(v >= 0 && v <= 255) {
				t.Fatalf("[%d] is %g", i, v)
			}
		}
	})
}

// No strength, no change: to the bit.
func TestNone(t *testing.T) {
	src := random(Random(1, "", 0), 17)
	for n := range 20 {
		got := make([]float32, len(src))
		Spec{}.Apply(got, src, 17, Random(0, "", n))
		testkit.Compare(t, "none", got, src, testkit.Exact)
	}
	copied := slices.Clone(src)
	brighten(copied, 1)
	restain(copied, stain{})
	blur(copied, make([]float32, len(src)), 17, 0)
	cutout(copied, 17, 0, .5, .5)
	placed := make([]float32, len(src))
	place(placed, copied, 17, 0, 0, 1)
	contrast(placed, 1)
	saturate(placed, 1)
	testkit.Compare(t, "all at zero strength", placed, src, testkit.Exact)
}

// The random numbers follow seed, image and number, and one transform more
// draws the same for the others.
func TestRandom(t *testing.T) {
	first := func(seed uint64, image string, n int) uint64 { return Random(seed, image, n).Uint64() }
	all := []uint64{first(1, "a", 1), first(2, "a", 1), first(1, "b", 1), first(1, "a", 2), first(1, "a1", 1), first(11, "a", 1)}
	slices.Sort(all)
	if len(slices.Compact(all)) != 6 {
		t.Errorf("two of six streams are the same: %d", all)
	}
	if one, again := first(1, "a", 1), first(1, "a", 1); one != again {
		t.Error("the same image has two streams")
	}
	rapid.Check(t, func(t *rapid.T) {
		s, n := drawSpec(t), rapid.Int().Draw(t, "n")
		with := s
		with.Shift, with.Cutout, with.Flip = .25, .5, true
		a, b := s.draw(Random(0, "", n)), with.draw(Random(0, "", n))
		a.flip, a.right, a.down, a.hole = b.flip, b.right, b.down, b.hole
		if a != b {
			t.Fatalf("%+v\nand with three transforms more\n%+v", a, b)
		}
	})
}

// Strengths are kept to, and reached nearly.
func TestStrengths(t *testing.T) {
	s := Spec{Flip: true, Rotate90: true, Shift: .2, Scale: .5, Brightness: .3, Contrast: .4, Saturation: .5, Stain: .1, Blur: 2}
	flips, turns := 0, [4]int{}
	reach := map[string][2]float64{}
	for n := range 4000 {
		v := s.draw(Random(0, "", n))
		if v.flip {
			flips++
		}
		turns[v.turns]++
		for name, x := range map[string]float64{"right": v.right, "down": v.down, "scale": v.scale, "brightness": v.brightness, "contrast": v.contrast,
			"saturation": v.saturation, "gain": v.stain.gain[1], "offset": v.stain.offset[2], "sigma": v.sigma} {
			r, ok := reach[name]
			if !ok {
				r = [2]float64{x, x}
			}
			reach[name] = [2]float64{min(r[0], x), max(r[1], x)}
		}
	}
	if flips < 1850 || flips > 2150 || slices.Min(turns[:]) < 870 || slices.Max(turns[:]) > 1130 { // five standard deviations
		t.Errorf("of 4000 variants %d are flipped, by quarter turns %d", flips, turns)
	}
	for name, want := range map[string][2]float64{"right": {-.2, .2}, "down": {-.2, .2}, "scale": {1 / 1.5, 1.5}, "brightness": {.7, 1.3}, "contrast": {.6, 1.4},
		"saturation": {.5, 1.5}, "gain": {-.1, .1}, "offset": {-.1, .1}, "sigma": {0, 2}} {
		got, slack := reach[name], .01*(want[1]-want[0])
		if got[0] < want[0]-1e-12 || got[1] > want[1]+1e-12 || got[0] > want[0]+slack || got[1] < want[1]-slack {
			t.Errorf("%s goes from %g to %g, want nearly from %g to %g", name, got[0], got[1], want[0], want[1])
		}
	}
}
