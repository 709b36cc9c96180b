package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGemmMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		size := func(name string) int {
			if rapid.Bool().Draw(t, name+" small") {
				return rapid.IntRange(1, 9).Draw(t, name)
			}
			return rapid.IntRange(1, 150).Draw(t, name)
		}
		m, n, k := size("m"), size("n"), size("k")
		transA, transB := rapid.Bool().Draw(t, "transA"), rapid.Bool().Draw(t, "transB")
		r := rand.New(rand.NewPCG(6, rapid.Uint64().Draw(t, "seed")))
		e := GemmEpilogue{Accumulate: rapid.Bool().Draw(t, "accumulate")}
		if rapid.Bool().Draw(t, "bias") {
			e.Bias = random(r, n)
		}
		checkGemm(t, list, r, transA, transB, m, n, k, e)
	})
}

// checkGemm compares one product of random numbers with the plain loop.
func checkGemm(t interface{ Fatal(...any) }, list []*Device, r *rand.Rand, transA, transB bool, m, n, k int, e GemmEpilogue) {
	a, b, c := random(r, m*k), random(r, k*n), random(r, m*n)
	want := naiveGemm(transA, transB, m, n, k, c, a, b, e)
	for _, d := range list {
		y, check := guarded(m * n)
		copy(y, c)
		d.Gemm(transA, transB, m, n, k, y, a, b, e)
		if err := near(d.Name(), y, want, k); err != nil {
			t.Fatal(m, n, k, transA, transB, err)
		}
		if err := check(d.Name()); err != nil {
			t.Fatal(m, n, k, transA, transB, err)
		}
	}
}

// Sizes that take more than one slice of the depth, and long thin ones.
func TestGemmLongShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, s := range [][3]int{{20, 40, 5000}, {64, 1, 5000}, {5000, 1, 64}, {1, 5000, 64}, {1, 3, 5000}, {5000, 3, 20}, {3, 5000, 20}, {70, 3, 4000}, {300, 300, 30}} {
		for trans := range 4 {
			checkGemm(t, devices(t), r, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], GemmEpilogue{})
		}
	}
}

func TestGemmDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, s := range [][3]int{{33, 70, 50}, {64, 1, 500}, {500, 1, 64}, {70, 3, 400}} {
		for _, d := range devices(t) {
			a, b, c := random(r, s[0]*s[2]), random(r, s[1]*s[2]), random(r, s[0]*s[1])
			for trans := range 4 {
				n := testing.AllocsPerRun(10, func() {
					d.Gemm(trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], c, a, b, GemmEpilogue{})
				})
				if n != 0 {
					t.Errorf("%s %v transposes %d: %v allocations, want 0", d.Name(), s, trans, n)
				}
			}
		}
	}
}

func TestVectors(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 7, 15, 16, 31, 100, vectorPiece - 1, vectorPiece + 40}).Draw(t, "n")
		r := rand.New(rand.NewPCG(9, rapid.Uint64().Draw(t, "seed")))
		a, b := random(r, n), random(r, n)
		want := map[string][]float64{}
		for i := range a {
			x, y := float64(a[i]), float64(b[i])
			want["add"] = append(want["add"], x+y)
			want["mul"] = append(want["mul"], x*y)
			want["clamp"] = append(want["clamp"], min(max(x, -0.5), 1))
			want["relu"] = append(want["relu"], max(x, 0))
			want["axpy"] = append(want["axpy"], y+1.5*x)
			g := 0.0
			if x > 0 {
				g = y
			}
			want["reluGrad"] = append(want["reluGrad"], g)
		}
		for _, d := range list {
			for name, f := range map[string]func(y []float32){
				"add": func(y []float32) { d.Add(y, a, b) }, "mul": func(y []float32) { d.Mul(y, a, b) },
				"clamp": func(y []float32) { d.Clamp(y, a, -0.5, 1) }, "relu": func(y []float32) { d.Relu(y, a) },
				"axpy":     func(y []float32) { copy(y, b); d.Axpy(1.5, y, a) },
				"reluGrad": func(y []float32) { d.ClampGrad(y, b, a, 0, float32(math.Inf(1))) },
			} {
				y, check := guarded(n)
				f(y)
				fail(t, near(d.Name()+" "+name, y, want[name], 1), check(name))
			}
			var sum, dot, scale float64
			for i := range a {
				sum += float64(a[i])
				dot += float64(a[i]) * float64(b[i])
				scale += math.Abs(float64(a[i])) + math.Abs(float64(a[i]*b[i]))
			}
			if e := math.Abs(float64(d.Sum(a)) - sum); e > 1e-6*scale {
				t.Fatalf("%s: Sum is off by %g", d.Name(), e)
			}
			if e := math.Abs(float64(d.Dot(a, b)) - dot); e > 1e-6*scale {
				t.Fatalf("%s: Dot is off by %g", d.Name(), e)
			}
		}
	})
}

// Adam is the only kernel with a fourth operand, which must not stay behind on
// a worker: pools go on with the worker's arguments.
func TestPoolAfterAdam(t *testing.T) {
	s := PoolShape{N: 2, C: 3, H: 9, W: 9, R: 2, S: 2, OH: 8, OW: 8, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	r := rand.New(rand.NewPCG(11, 11))
	for _, d := range devices(t) {
		x, want, got := random(r, 6*81), make([]float32, 6*64), make([]float32, 6*64)
		d.MaxPool(s, want, x)
		for n := range 9 {
			d.Adam(AdamStep{Step: 1}, AdamArrays{P: make([]float32, n), M: make([]float32, n), V: make([]float32, n), G: make([]float32, n)})
			d.MaxPool(s, got, x)
			if !slices.Equal(got, want) {
				t.Errorf("%s: another result after Adam on %d numbers", d.Name(), n)
			}
		}
	}
}

func TestChooseNamesWhatCanRun(t *testing.T) {
	t.Setenv("TL_CPU", "sse9")
	if _, err := New(1); err == nil || !strings.Contains(err.Error(), "portable") || !strings.Contains(err.Error(), "sse9") {
		t.Errorf("TL_CPU=sse9: error %v, want one that names it and what can run", err)
	}
	t.Setenv("TL_CPU", "portable")
	d, err := New(3)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Name() != "cpu (portable, 3 threads)" {
		t.Errorf("Name is %q", d.Name())
	}
	if _, err := New(-1); err == nil {
		t.Error("New(-1): want an error")
	}
}
