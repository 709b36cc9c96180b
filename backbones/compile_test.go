package backbones

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/weights"
)

// Lowered features differ from float32 by what Lower tells, whatever the
// threads, and their arithmetic has another name.
func TestLower(t *testing.T) {
	path := seeded(t, "resnet18", weights.SeededOptions{Width: 0.5, Size: 64})
	x := pictures(4, 64)
	for _, precision := range []string{"bf16", "int8"} {
		t.Run(precision, func(t *testing.T) {
			var first []float32
			for _, threads := range []int{1, 2} {
				b := open(t, path, Options{Size: 64, Batch: 4, Threads: threads})
				if reason := b.Supports(precision); reason != nil {
					t.Skipf("this processor cannot: %v", reason)
				}
				want, name := features(t, b, x), b.Arithmetic()
				told, err := b.Lower(t.Context(), precision, x, 4)
				if err != nil {
					t.Fatal(err)
				}
				got := features(t, b, x)
				found, _ := testkit.RelativeError(got, want)
				t.Logf("%s: deviation %.2g, arithmetic %s", precision, told, b.Arithmetic())
				if told == 0 || told > 0.2 || math.Abs(told-found) > 1e-6 {
					t.Errorf("%s: deviation told %g, found %g", precision, told, found)
				}
				if low := b.Arithmetic(); low == name || !strings.Contains(low, " batch 4 "+precision) {
					t.Errorf("arithmetic %q after %q", b.Arithmetic(), name)
				}
				if first == nil {
					first = got
				}
				testkit.Compare(t, fmt.Sprintf("%s, %d threads", precision, threads), got, first, testkit.Exact)
			}
		})
	}
}

// int8 features depend on the samples, and Arithmetic says so; fewer pictures
// than a batch are repeated. bf16 asks nothing of them.
func TestLowerSamples(t *testing.T) {
	t.Setenv("TL_CPU", "portable") // has all precisions
	path := seeded(t, "tiny", weights.SeededOptions{Size: 32})
	x := pictures(4, 32)
	arithmetic := func(precision string, n int) string {
		b := open(t, path, Options{Size: 32, Batch: 4})
		if _, err := b.Lower(t.Context(), precision, x, n); err != nil {
			t.Fatal(err)
		}
		return b.Arithmetic()
	}
	if a, b := arithmetic("int8", 4), arithmetic("int8", 3); a == b || len(a) != len(b) {
		t.Errorf("other samples, arithmetic %q and %q", a, b)
	}
	if a, b := arithmetic("bf16", 4), arithmetic("bf16", 1); a != b {
		t.Errorf("bf16: arithmetic %q and %q", a, b)
	}
	if a, b := arithmetic("f32", 4), arithmetic("", 0); a != b || strings.Contains(a, "f32") {
		t.Errorf("float32: arithmetic %q and %q", a, b)
	}
}

// Lowering ends with its context.
func TestLowerStops(t *testing.T) {
	t.Setenv("TL_CPU", "portable")
	b := open(t, seeded(t, "tiny", weights.SeededOptions{Size: 32}), Options{Size: 32, Batch: 2})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Lower(ctx, "int8", pictures(2, 32), 2); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A network that wants its channels last is lowered like any other.
func TestLowerNHWC(t *testing.T) {
	t.Setenv("TL_CPU", "portable")
	x := pictures(2, 32)
	b := open(t, seeded(t, "tiny", weights.SeededOptions{NHWC: true, Size: 32}), Options{Size: 32, Batch: 2, Preprocess: "tf"})
	want := features(t, b, x)
	told, err := b.Lower(t.Context(), "bf16", x, 2)
	if err != nil {
		t.Fatal(err)
	}
	if found, _ := testkit.RelativeError(features(t, b, x), want); told == 0 || math.Abs(told-found) > 1e-6 {
		t.Errorf("deviation told %g, found %g", told, found)
	}
}

// What cannot be lowered says why and stays as it was.
func TestLowerRefuses(t *testing.T) {
	t.Setenv("TL_CPU", "avx2")
	b, err := Open(seeded(t, "tiny", weights.SeededOptions{Size: 32}), Options{Size: 32, Batch: 2})
	if err != nil {
		t.Skipf("this processor has no AVX2: %v", err)
	}
	defer b.Close()
	x := pictures(2, 32)
	want, name := features(t, b, x), b.Arithmetic()
	for _, c := range []struct {
		precision string
		n         int
		said      string
	}{
		{"bf16", 2, "avx2 kernels"}, {"int8", 2, "avx2 kernels"}, {"f64", 2, "known are f32, bf16 and int8"}, {"int8", 0, "sample pictures"}, {"int8", 3, "3 pictures"},
	} {
		if _, err := b.Lower(t.Context(), c.precision, x, c.n); err == nil || !strings.Contains(err.Error(), c.said) || !strings.Contains(err.Error(), "tiny.onnx") {
			t.Errorf("%s, %d pictures: error %v, wanted %q", c.precision, c.n, err, c.said)
		}
	}
	if b.Supports("bf16") == nil || b.Supports("f32") != nil || b.Arithmetic() != name {
		t.Errorf("supports %v and %v, arithmetic %q, was %q", b.Supports("bf16"), b.Supports("f32"), b.Arithmetic(), name)
	}
	testkit.Compare(t, "features after", features(t, b, x), want, testkit.Exact)
}
