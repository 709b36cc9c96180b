package autodiff

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"gorgonia.org/gorgonia"
)

// asker is a Gemm that notes which gradients it is asked for.
type asker struct {
	op.Gemm
	asked []bool
}

func (a *asker) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	a.asked = a.asked[:0]
	for _, v := range dx {
		a.asked = append(a.asked, v != nil)
	}
	a.Gemm.Backward(d, dx, dy, y, x...)
}

func TestFrozenInputsGetNoGradient(t *testing.T) {
	g := NewGraph(newDevice(t, 1))
	first := &asker{Gemm: op.Gemm{Alpha: 1, Beta: 1, TransB: true}}
	second := &asker{Gemm: first.Gemm}
	frozen := apply(t, g, op.Relu{}, input(t, g, "x", normal(1, 4, 5)))
	h := apply(t, g, first, frozen, param(t, g, "w1", normal(2, 3, 5)), param(t, g, "b1", normal(3, 3)))
	y := apply(t, g, second, h, param(t, g, "w2", normal(4, 2, 3)), input(t, g, "b2", normal(5, 2)))
	m := compile(t, g, apply(t, g, weightedTotal{}, y, input(t, g, "c", normal(6, 4, 2))))
	run(t, m)
	if want := []bool{false, true, true}; !slices.Equal(first.asked, want) {
		t.Errorf("first layer was asked for %v, want %v: its input is frozen", first.asked, want)
	}
	if want := []bool{true, true, false}; !slices.Equal(second.asked, want) {
		t.Errorf("second layer was asked for %v, want %v: its bias is frozen", second.asked, want)
	}
}

// bomb is a Relu that panics on demand, in a thread of the device or not.
type bomb struct {
	op.Relu
	forward, backward, inThread bool
}

func (b *bomb) explode(d *cpu.Device) {
	if b.inThread {
		d.Parallel(64, func(i int) { panic(fmt.Sprint("boom in piece ", i)) })
	}
	panic("boom")
}

func (b *bomb) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	if b.forward {
		b.explode(d)
	}
	b.Relu.Forward(d, y, x...)
}

func (b *bomb) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	if b.backward {
		b.explode(d)
	}
	b.Relu.Backward(d, dx, dy, y, x...)
}

func TestKernelPanicIsAnError(t *testing.T) {
	b := &bomb{}
	m := graphOf(t, b, spread(1, 3, 4))
	want := run(t, m)
	grad := slices.Clone(m.Gradients()[0])
	for _, c := range []bomb{{forward: true}, {backward: true}, {forward: true, inThread: true}, {backward: true, inThread: true}} {
		*b = c
		_, err := m.Run()
		if err == nil || !strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "Relu") {
			t.Fatalf("%+v: error %v, want one that names Relu and boom", c, err)
		}
		*b = bomb{}
		if got := run(t, m); got != want || !slices.Equal(m.Gradients()[0], grad) {
			t.Fatalf("%+v: the run after it gives %g, want %g and the same gradient", c, got, want)
		}
	}
}

func TestConstructionErrors(t *testing.T) {
	g := NewGraph(newDevice(t, 1))
	x := input(t, g, "x", normal(1, 2, 3))
	if _, err := g.Param("x", normal(1, 2)); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("a second input of one name: error %v", err)
	}
	_, err := g.Apply("layer7", op.Gemm{Alpha: 1, Beta: 1}, x, x)
	if err == nil || !strings.Contains(err.Error(), "layer7 (Gemm)") || !strings.Contains(err.Error(), "(2,3)") {
		t.Errorf("shapes that do not fit: error %v, want the layer, the operator and the shape", err)
	}
	if _, err := g.Compile(x); err == nil || !strings.Contains(err.Error(), "no parameters") {
		t.Errorf("a graph without parameters: error %v", err)
	}
	if err := Feed(x, make([]float32, 5)); err == nil || !strings.Contains(err.Error(), "wants 6") {
		t.Errorf("five numbers for (2,3): error %v", err)
	}
}

// smallNet is dropout → gemm → relu → gemm → loss, with its solver.
func smallNet(t testing.TB, d *cpu.Device) (*Machine, Solver, []*tensor.Tensor) {
	t.Helper()
	step := new(uint64)
	g := NewGraph(d)
	gemm := op.Gemm{Alpha: 1, Beta: 1, TransB: true}
	w := []*tensor.Tensor{normal(2, 8, 20), normal(3, 8), normal(4, 1, 8), normal(5, 1)}
	x := apply(t, g, &Dropout{P: 0.2, Seed: 1, Step: step}, input(t, g, "x", normal(1, 16, 20)))
	h := apply(t, g, op.Relu{}, apply(t, g, gemm, x, param(t, g, "w1", w[0]), param(t, g, "b1", w[1])))
	z := apply(t, g, gemm, h, param(t, g, "w2", w[2]), param(t, g, "b2", w[3]))
	y := tensor.New(16)
	for i := range 8 {
		y.Data[i] = 1
	}
	rows := tensor.New(16)
	for i := range rows.Data {
		rows.Data[i] = 1
	}
	m := compile(t, g, apply(t, g, BCEWithLogits{}, z, input(t, g, "y", y), input(t, g, "w", rows)))
	var o SolverOptions
	for _, p := range w {
		o.Params = append(o.Params, ParamOptions{Size: len(p.Data)})
	}
	s, err := NewSolver(d, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, s, w
}

func TestHeapStaysFlat(t *testing.T) {
	m, s, _ := smallNet(t, newDevice(t, 2))
	steps := func(n int) uint64 {
		for range n {
			run(t, m)
			if err := s.Step(m.Params()); err != nil {
				t.Fatal(err)
			}
			m.ZeroGrad()
		}
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := steps(100)
	goroutines := runtime.NumGoroutine()
	after := steps(1000)
	if after > before+64<<10 {
		t.Errorf("live heap went from %d to %d bytes in 1,000 steps", before, after)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("goroutines went from %d to %d", goroutines, n)
	}
}

// Under -race this shows that graphs may be built and run at the same time.
func TestConcurrentTrainers(t *testing.T) {
	var group sync.WaitGroup
	var results [4][]float32
	for i := range results {
		d := newDevice(t, 1)
		group.Go(func() {
			m, s, w := smallNet(t, d)
			for range 20 {
				if _, err := m.Run(); err != nil {
					t.Error(err)
				}
				if err := s.Step(m.Params()); err != nil {
					t.Error(err)
				}
				m.ZeroGrad()
			}
			results[i] = w[0].Data
		})
	}
	group.Wait()
	for i, r := range results {
		if !slices.Equal(r, results[0]) {
			t.Errorf("trainer %d ended with other weights than trainer 0", i)
		}
	}
}

// A graph's memory is its inputs, the output of each operator and the
// gradients of what depends on a parameter; counting takes none of it.
func TestBytes(t *testing.T) {
	net := func() (*Graph, *Node) {
		g := NewGraph(newDevice(t, 1))
		x := apply(t, g, op.Relu{}, input(t, g, "x", normal(1, 4, 5)))
		h := apply(t, g, op.Relu{}, apply(t, g, op.Gemm{Alpha: 1, Beta: 1, TransB: true}, x, param(t, g, "w", normal(2, 3, 5)), param(t, g, "b", normal(3, 3))))
		return g, apply(t, g, weightedTotal{}, h, input(t, g, "c", normal(6, 4, 3)))
	}
	const inputs, outputs, gradients, scalars = 20 + 12, 20 + 12 + 12 + 1, 12 + 12 + 15 + 3, 1 // Gorgonia's constant 1
	g, loss := net()
	n, scratch, err := g.Bytes(loss)
	if want := int64(4 * (inputs + outputs + gradients + scalars)); err != nil || n != want {
		t.Errorf("%d bytes, error %v, want %d", n, err, want)
	}
	g, loss = net()
	m := compile(t, g, loss)
	if m.Bytes() != n || m.Scratch() != scratch {
		t.Errorf("%d bytes and scratch %+v compiled, %d and %+v before", m.Bytes(), m.Scratch(), n, scratch)
	}
	if _, err := m.Run(); err != nil {
		t.Fatal(err)
	}
	const edge = 4 * 14 * 32 // of the largest register tile: said, and not taken where the product has whole tiles
	if used, said := g.dev.ScratchBytes(), scratch.Bytes(1); used == 0 || used > said || said > used+edge {
		t.Errorf("%d bytes of scratch said, %d taken", said, used)
	}
}

// Solver is Gorgonia's interface, and Machine's parameters are what it takes.
var _ gorgonia.Solver = Solver(nil)
