package op_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/internal/testkit/plain"
)

// step is half the distance of central differences, in float64: cutting off
// the Taylor series and rounding both leave about ten digits.
const step = 1e-5

// gap is how far inputs keep from kinks (a ReLU's 0, a clip's limits) and from
// each other, so that no difference crosses one and no maximum is a tie.
const gap = 0.025

// fixture draws shapes with rapid and numbers from a seeded generator.
type fixture struct {
	*rapid.T
	r *rand.Rand
}

func newFixture(t *rapid.T) fixture {
	return fixture{t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
}

// gradient is an operator with inputs to differentiate it at. constant names
// the inputs that Backward treats as constants: it says 0.
type gradient struct {
	o        op.Differentiable
	x        []*tensor.Tensor
	constant []int
}

// Every operator with a Backward, by the name of its type, against central
// differences of its plain float64 loop, which is checked against Forward.
func TestGradients(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(gradients)) {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				f := newFixture(t)
				g := gradients[name](f)
				if drawn := reflect.TypeOf(g.o).Name(); drawn != name {
					t.Fatalf("the case of %s draws a %s", name, drawn)
				}
				f.check(g)
			})
		})
	}
}

// A new operator with a Backward wants a case: the source says which there are.
func TestEveryBackwardHasACase(t *testing.T) {
	found := map[string]bool{}
	for _, name := range differentiable(t) {
		found[name] = true
		if gradients[name] == nil {
			t.Errorf("%s has a Backward but no case in gradients", name)
		}
	}
	for name := range gradients {
		if !found[name] {
			t.Errorf("gradients has a case of %s, which has no Backward", name)
		}
	}
}

// differentiable lists the types of the package that have a Backward method,
// from its source.
func differentiable(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Backward" {
				names = append(names, receiver(f))
			}
		}
	}
	return names
}

func receiver(f *ast.FuncDecl) string {
	typ := f.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	return typ.(*ast.Ident).Name
}

// check compares Forward with the plain loop, and Backward with differences of
// Σ dy·y: all gradients at once, then each alone, as a partly frozen network
// asks for them.
func (f fixture) check(g gradient) {
	d := device(f)
	defer d.Close()
	y := tensor.New(shapeOf(f, g.o, g.x)...)
	g.o.Forward(d, y, g.x...)
	exact := make([]*plain.Array, len(g.x))
	var summed []float32
	for i, x := range g.x {
		if exact[i] = plain.Of(x); x != nil {
			summed = append(summed, x.Data...)
		}
	}
	f.compare(g, "output", y.Data, plain.Forward(g.o, exact...).Float32(), summed)
	dy := f.normal(y.Shape...)
	all := f.backward(d, g, dy, y, func(int) bool { return true })
	for i := range g.x {
		if g.x[i] == nil {
			continue
		}
		alone := f.backward(d, g, dy, y, func(j int) bool { return j == i })
		f.compare(g, fmt.Sprintf("gradient by input %d alone", i), alone[i].Data, all[i].Data, dy.Data)
		var got, want []float32
		for _, j := range f.some(len(all[i].Data)) {
			got, want = append(got, all[i].Data[j]), append(want, f.difference(g, exact, dy, i, j))
		}
		f.compare(g, fmt.Sprintf("gradient by input %d", i), got, want, dy.Data)
	}
}

// backward returns the gradients by the wanted inputs, over numbers that must
// be overwritten.
func (f fixture) backward(d *cpu.Device, g gradient, dy, y *tensor.Tensor, wanted func(i int) bool) []*tensor.Tensor {
	dx := make([]*tensor.Tensor, len(g.x))
	for i, x := range g.x {
		if x != nil && wanted(i) {
			dx[i] = f.normal(x.Shape...)
		}
	}
	g.o.Backward(d, dx, dy, y, g.x...)
	return dx
}

// some returns the places of a whole small array, or 64 of a larger one.
func (f fixture) some(n int) []int { return f.r.Perm(n)[:min(n, 64)] }

// difference is the central difference of Σ dy·y by element j of input i.
func (f fixture) difference(g gradient, x []*plain.Array, dy *tensor.Tensor, i, j int) float32 {
	if slices.Contains(g.constant, i) {
		return 0
	}
	at := x[i].Data[j]
	sum := func(v float64) (s float64) {
		x[i].Data[j] = v
		for k, y := range plain.Forward(g.o, x...).Data {
			s += float64(dy.Data[k]) * y
		}
		return s
	}
	up, down := at+step, at-step
	slope := (sum(up) - sum(down)) / (up - down)
	x[i].Data[j] = at
	return float32(slope)
}

// compare holds numbers to testkit.Float. The error is relative to them
// together with what they are sums of (the inputs, or dy): sums that cancel
// have no digits of their own.
func (f fixture) compare(g gradient, what string, got, want, summed []float32) {
	err, at := testkit.RelativeError(slices.Concat(got, summed), slices.Concat(want, summed))
	if err <= float64(testkit.Float) {
		return
	}
	var shapes []any
	for _, x := range g.x {
		if x == nil {
			shapes = append(shapes, "none")
		} else {
			shapes = append(shapes, x.Shape)
		}
	}
	f.Errorf("%s %+v of %v: %s: relative error %.3g, largest difference at [%d]:\n got %v\nwant %v", g.o.Kind(), g.o, shapes, what, err, at, got, want)
}

type fataler interface{ Fatalf(string, ...any) }

func device(t fataler) *cpu.Device {
	d, err := cpu.New(2)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return d
}

func shapeOf(t fataler, o op.Op, x []*tensor.Tensor) tensor.Shape {
	s := make([]tensor.Shape, len(x))
	for i := range x {
		if x[i] != nil {
			s[i] = x[i].Shape
		}
	}
	y, err := o.Shape(s...)
	if err != nil {
		t.Fatalf("%s %+v of %v: %v", o.Kind(), o, s, err)
	}
	return y
}
