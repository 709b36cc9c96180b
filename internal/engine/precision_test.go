package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/weights"
)

// What a precision may cost on trained networks: relative L2 error of the
// logits against float32.
var allowed = map[string]float64{"bf16": 0.01, "int8": 0.1}

// Pretrained networks in low precision: the deviation that Compile tells is
// that of the outputs, stays small, and the best class of each photograph
// stays the same.
func TestPrecisionOfRealNetworks(t *testing.T) {
	x := testkit.ReadNPY(t, testkit.Data(t, "golden/imagenet4_input.npy"))
	for _, name := range []string{"resnet18", "resnet50"} {
		g, err := graph.Import(open(t, testkit.Data(t, "weights/"+name+".onnx")), graph.ImportOptions{Batch: 4})
		if err != nil {
			t.Fatal(err)
		}
		want := run(t, compile(t, g, Options{}), x)[0]
		for precision, most := range allowed {
			if reason := supports(t, precision); reason != nil {
				t.Log(reason)
				continue
			}
			e := compile(t, g, Options{Precision: precision, Samples: x})
			got := run(t, e, x)[0]
			d, _ := testkit.RelativeError(got.Data, want.Data)
			t.Logf("%s in %s: deviation %.2g", name, precision, d)
			if d == 0 || d > most || d-e.Deviation() > 1e-6 || e.Deviation()-d > 1e-6 {
				t.Errorf("%s in %s: deviation %g, told %g, wanted above 0 and at most %g", name, precision, d, e.Deviation(), most)
			}
			for i := range 4 {
				if g, w := top5(got.Data[i*1000:][:1000])[0], top5(want.Data[i*1000:][:1000])[0]; g != w {
					t.Errorf("%s in %s: image %d is class %d, want %d", name, precision, i, g, w)
				}
			}
		}
	}
}

// supports is what the best kernels say to a precision.
func supports(t *testing.T, precision string) error {
	t.Helper()
	e, err := CPU(1)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.Supports(precision)
}

// Threads, kernels and groups of a batch: the same bytes for the same kernels.
func TestPrecisionImplementations(t *testing.T) {
	g := seededWide(t, "resnet18", weights.SeededOptions{Width: 0.5}, 3)
	x := noise(3, 96, false)
	for _, precision := range []string{"bf16", "int8"} {
		var first *tensor.Tensor
		for _, kernels := range implementations(t) {
			t.Setenv("TL_CPU", kernels)
			if err := supports(t, precision); err != nil {
				t.Log(err)
				continue
			}
			o := Options{Precision: precision, Samples: x}
			two := run(t, compile(t, g, o), x)[0]
			o.groupBytes = 200 << 10
			testkit.Compare(t, precision+" in groups", run(t, compile(t, g, o), x)[0].Data, two.Data, testkit.Exact)
			d, err := cpu.New(1)
			if err != nil {
				t.Fatal(err)
			}
			e, err := NewCPU(d).Compile(t.Context(), Program{Graph: g}, o)
			if err != nil {
				t.Fatal(err)
			}
			testkit.Compare(t, precision+" 1 thread", run(t, e, x)[0].Data, two.Data, testkit.Exact)
			if first == nil {
				first = two
			}
			if d, _ := testkit.RelativeError(two.Data, first.Data); d > allowed[precision] {
				t.Errorf("%s, %s: %g from the portable kernels", precision, kernels, d)
			}
			d.Close()
		}
	}
}

// A precision that is unknown, lacking or without samples is an error.
func TestPrecisionRefused(t *testing.T) {
	t.Setenv("TL_CPU", "portable")
	g := seeded(t, "tiny", weights.SeededOptions{}, 1)
	for precision, want := range map[string]string{
		"fp4":  `tiny.onnx: no precision "fp4": known are f32, bf16 and int8 (--precision f32)`,
		"int8": "tiny.onnx: int8 wants sample images to take the ranges of activations from, got none (",
	} {
		refused(t, g, Options{Precision: precision}, want)
	}
	for _, precision := range []string{"bf16", "int8"} {
		refused(t, g, Options{Precision: precision, Samples: noise(1, 64, false)}, "tiny.onnx: samples are (1,3,64,64), input ", " wants (1,3,96,96) (")
	}
}

// refused wants an error with all parts.
func refused(t *testing.T, g *graph.Graph, o Options, parts ...string) {
	t.Helper()
	e, err := CPU(1)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, err = e.Compile(t.Context(), Program{Graph: g}, o)
	for _, want := range parts {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", o.Precision, err, want)
		}
	}
}

// Looking at the samples holds one program at a time, and ends with the context.
func TestCalibration(t *testing.T) {
	t.Setenv("TL_CPU", "portable")
	g := seededWide(t, "resnet18", weights.SeededOptions{Width: 0.5}, 1)
	x := noise(1, 96, false)
	floats := compile(t, g, Options{}).Memory()
	for _, precision := range []string{"bf16", "int8"} {
		e, err := CPU(1)
		if err != nil {
			t.Fatal(err)
		}
		held := func() int64 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		runtime.GC()
		before, most := held(), int64(0)
		look := func() { most = max(most, held()-before) }
		low, err := e.Compile(t.Context(), Program{Graph: g, Release: look}, Options{Precision: precision, Samples: x})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: program %d KiB, in float32 %d KiB, most held %d KiB", precision, low.Memory()>>10, floats>>10, most>>10)
		if folded := leastMemory(g); most > folded+max(floats, low.Memory())*9/8 {
			t.Errorf("%s: %d bytes held at once, for folded weights of %d and programs of %d and %d", precision, most, folded, floats, low.Memory())
		}
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		_, err = e.Compile(ctx, Program{Graph: g, Release: func() { runs++; cancel() }}, Options{Precision: precision, Samples: x})
		if !errors.Is(err, context.Canceled) || runs != 1 {
			t.Errorf("%s: error %v after weights were laid out %d times", precision, err, runs)
		}
		e.Close()
	}
}

// The integers of a span: none wasted below zero, and a lone outlier clipped.
func TestQuantisation(t *testing.T) {
	s := &span{}
	x := make([]float32, 1<<20)
	for i := range x {
		x[i] = float32(i%1000) / 1000
	}
	x[5] = 4 // far out
	b := cpu.Blocks{Data: x, N: 1, C: 1, H: 1 << 16, W: 1, Lanes: 16, Stride: len(x)}
	b.C = 16
	s.add(b, false)
	s.add(b, true)
	q := s.quantisation()
	if q.Zero != 0 || q.Scale*255 > 2 || q.Scale*255 < 0.95 {
		t.Errorf("quantisation %+v of 0 … 1 with an outlier of 4", q)
	}
	x[6] = -1
	s = &span{}
	s.add(b, false)
	s.add(b, true)
	if q = s.quantisation(); q.Zero <= 0 || q.Zero > 128 {
		t.Errorf("zero point %d of -1 … 4", q.Zero)
	}
	clear(x)
	s = &span{}
	s.add(b, false)
	s.add(b, true)
	if q = s.quantisation(); q.Scale != 1 || q.Zero != 0 {
		t.Errorf("quantisation %+v of nothing but zeros", q)
	}
	if got := fmt.Sprint(cpu.Int8); got != "int8" {
		t.Error(got)
	}
}
