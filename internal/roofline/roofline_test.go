package roofline

import (
	"math"
	"testing"
)

// TestMeasure: figures are there and have sensible signs; how large they are
// is for people to look at, since other processes share the machine.
func TestMeasure(t *testing.T) {
	m, err := Measure(2)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]float64{"peak of 1": m.Peak1, "peak": m.Peak, "L2": m.L2Bandwidth, "memory": m.Bandwidth} {
		if !(v > 0) || math.IsInf(v, 0) {
			t.Errorf("%s: %g", name, v)
		}
	}
	if m.Threads != 2 || m.Processor == "" || m.Kernels == "" {
		t.Errorf("machine %+v", m)
	}
	t.Logf("%+v", m)
	if _, err := Measure(-1); err == nil {
		t.Error("-1 threads: no error")
	}
}

func TestBound(t *testing.T) {
	m := Machine{Peak: 200, Bandwidth: 20} // the ridge is at 10 FLOP a byte
	for _, c := range []struct {
		flops, bytes, seconds float64
		limit                 string
	}{
		{200e9, 1e9, 1, Arithmetic},
		{200e9, 40e9, 2, Memory},
		{200e9, 20e9, 1, Arithmetic},
		{0, 20e9, 1, Memory},
		{100e9, 0, 0.5, Arithmetic},
	} {
		s, limit := m.Bound(c.flops, c.bytes)
		if s != c.seconds || limit != c.limit {
			t.Errorf("%g FLOP, %g bytes: %g s by %s, wanted %g s by %s", c.flops, c.bytes, s, limit, c.seconds, c.limit)
		}
	}
}

func TestDisturbed(t *testing.T) {
	for peak, want := range map[float64]bool{390: false, 330: false, 310: true, 100: true} {
		if m := (Machine{Threads: 4, Peak1: 100, Peak: peak}); m.Disturbed() != want {
			t.Errorf("%g GFLOP/s of 4 threads of 100: %v", peak, !want)
		}
	}
}
