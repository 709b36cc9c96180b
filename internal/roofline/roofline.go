// Package roofline measures what a machine can do at best, and says how fast a
// piece of work could run on it: the roofline model of Williams, Waterman and
// Patterson (2009).
//
// Work of F operations that moves B bytes has the intensity F/B, and cannot
// run faster than
//
//	min(peak, intensity · bandwidth)   FLOP/s
//
// which is to say in less than max(F/peak, B/bandwidth) seconds.
//
// All figures are measured in this process, with package cpu's own kernels, as
// the best of many short bursts: what disturbs a burst only makes it slower.
package roofline

import (
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"github.com/tlkit/tl/internal/cpu"
)

// Machine is what was measured, and where.
type Machine struct {
	Processor string `json:"processor" csv:"processor"` // its own name, e.g. "AMD EPYC 9354"
	System    string `json:"system" csv:"system"`       // e.g. "linux/amd64"
	Kernels   string `json:"kernels" csv:"kernels"`     // "avx512", "avx2", "neon" or "portable"
	Threads   int    `json:"threads" csv:"threads"`     // those that Peak and the bandwidths are of

	Peak1       float64 `json:"peak_1_thread_gflops" csv:"peak_1_thread_gflops"` // GFLOP/s: float32 multiply-adds of one thread
	Peak        float64 `json:"peak_gflops" csv:"peak_gflops"`                   // GFLOP/s of all threads together
	L2Bandwidth float64 `json:"l2_gb_s" csv:"l2_gb_s"`                           // GB/s: all threads read arrays that fit in their L2
	Bandwidth   float64 `json:"memory_gb_s" csv:"memory_gb_s"`                   // GB/s: all threads read arrays that fit in no cache
}

// Measure takes some 0.3 s. Zero threads is all cores; TL_CPU chooses the
// kernels, as for the network that is to be judged.
func Measure(threads int) (Machine, error) {
	t, err := newTeam(threads)
	if err != nil {
		return Machine{}, err
	}
	defer t.close()
	return Machine{
		Processor: processor(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Kernels: t[0].Kernels(), Threads: len(t),
		Peak1: t[:1].peak() / 1e9, Peak: t.peak() / 1e9,
		L2Bandwidth: t.bandwidth(l2Set()) / 1e9, Bandwidth: t.bandwidth(memorySet/len(t)) / 1e9,
	}, nil
}

// Disturbed reports whether all threads together reached less than 0.8 of what
// as many single ones would: other work runs, or they share cores.
func (m Machine) Disturbed() bool { return m.Peak < 0.8*float64(m.Threads)*m.Peak1 }

func processor() string {
	if name := strings.TrimSpace(cpuid.CPU.BrandName); name != "" {
		return name
	}
	return "unknown"
}

// team is some devices of one thread each.
type team []*cpu.Device

func newTeam(threads int) (team, error) {
	all, err := cpu.New(threads)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	t := make(team, all.Threads())
	for i := range t {
		if t[i], err = cpu.New(1); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t team) close() {
	for _, d := range t {
		d.Close()
	}
}
