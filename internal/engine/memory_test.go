package engine

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/weights"
)

// Where no limit is given, what the machine has is the limit: Go would end the
// process that asks for more.
func TestMachineIsTheLimit(t *testing.T) {
	g := &graph.Graph{Name: "big.onnx", Inputs: []*graph.Value{{Name: "x", Shape: tensor.Shape{1, 3, 8, 8}}}}
	has := machineMemory()
	if has <= 0 {
		t.Fatal("this machine does not tell its memory")
	}
	if err := fits(g, 0, has); err != nil {
		t.Error(err)
	}
	if err := fits(g, 0, has+1); !errors.Is(err, ErrMemory) {
		t.Errorf("error %v, wanted ErrMemory", err)
	}
}

// The kernels' scratch is stated before anything is taken: no less than runs
// take, not 1.3 times as much, and Compile takes it all. With it, what a program
// states is what it holds.
func TestStatedMemoryIsHeld(t *testing.T) {
	for _, name := range weights.SeededNames() {
		for _, kernels := range implementations(t) {
			t.Setenv("TL_CPU", kernels)
			for _, c := range []struct{ threads, batch int }{{1, 1}, {1, 5}, {2, 3}, {2, 9}} {
				for _, raw := range []bool{false, true} {
					if raw && c.batch > 3 {
						continue
					}
					g := seededWide(t, name, weights.SeededOptions{Width: 0.25}, c.batch)
					checkStated(t, fmt.Sprintf("%s %s %+v raw %v", name, kernels, c, raw), g, c.threads, Options{Raw: raw}, noise(c.batch, 96, false))
				}
			}
		}
	}
}

func checkStated(t *testing.T, name string, g *graph.Graph, threads int, o Options, x *tensor.Tensor) {
	t.Helper()
	d, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	engine := NewCPU(d).(*cpuEngine)
	defer engine.Close()
	empty := live()
	e, err := engine.Compile(t.Context(), Program{Graph: g}, o)
	if err != nil {
		t.Fatal(err)
	}
	devices := append([]*cpu.Device{d}, engine.alone...)
	reserved := scratchOf(devices)
	run(t, e, x)
	if now := scratchOf(devices); now != reserved {
		t.Errorf("%s: %d bytes of scratch reserved, %d held after a run", name, reserved, now)
	}
	const describing = 2 << 10 // bytes of a step's own words and closures
	held := live() - empty
	if stated := e.Memory(); held > stated*21/20+int64(len(g.Nodes))*describing+64<<10 || stated > held*13/10 {
		t.Errorf("%s: stated %d bytes, held %d", name, stated, held)
	}
	runtime.KeepAlive(g)
	runtime.KeepAlive(e)

	said, taken := lazily(t, g, threads, o, x)
	if taken > said || float64(said) > 1.3*float64(taken) {
		t.Errorf("%s: %d bytes of scratch said, %d taken", name, said, taken)
	}
	t.Logf("%s: stated %d KiB, held %d; scratch said %d KiB, taken %d", name, e.Memory()>>10, held>>10, said>>10, taken>>10)
}

// live is the heap in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func scratchOf(list []*cpu.Device) (bytes int64) {
	for _, d := range list {
		bytes += d.ScratchBytes()
	}
	return bytes
}

// lazily runs a program on devices that take scratch as they need it, and
// returns what its plans said before, and what was taken.
func lazily(t *testing.T, g *graph.Graph, threads int, o Options, in *tensor.Tensor) (said, taken int64) {
	t.Helper()
	d, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	engine := NewCPU(d).(*cpuEngine)
	defer engine.Close()
	if !o.Raw {
		if g, err = graph.Optimise(g); err != nil {
			t.Fatal(err)
		}
	}
	o.groupBytes = groupBytes
	p := Program{Graph: g}
	x := newPlan(d, p, g, o)
	x.layout(engine.single())
	said = x.scratch.Bytes(threads) + int64(len(x.alone))*x.own.Bytes(1)
	x.assign(cpu.Alloc(x.extent))
	if err := prepare(t.Context(), x.steps, nil); err != nil {
		t.Fatal(err)
	}
	run(t, x.exec(x.order, 0), in)
	return said, scratchOf(append([]*cpu.Device{d}, x.alone...))
}
