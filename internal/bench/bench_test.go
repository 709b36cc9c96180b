package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jszwec/csvutil"

	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/roofline"
	"github.com/tlkit/tl/internal/tensor"
)

// fake is a program that computes nothing and writes down that it ran.
type fake struct {
	name  string
	log   *[]string
	nodes []engine.NodeTime
	runs  int
}

func (f *fake) Run(ctx context.Context, _ ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	*f.log = append(*f.log, f.name)
	f.runs++
	return nil, ctx.Err()
}

func (f *fake) Memory() int64      { return 3 << 20 }
func (f *fake) Arithmetic() string { return "paper" }
func (f *fake) Deviation() float64 { return 0.01 }
func (f *fake) EnableProfile(bool) {}

// Profile is the nodes, each of which takes as many times its own time as
// there were runs.
func (f *fake) Profile() []engine.NodeTime {
	out := slices.Clone(f.nodes)
	for i := range out {
		out[i].Time *= time.Duration(f.runs)
	}
	return out
}

var machine = roofline.Machine{Processor: "paper", Threads: 2, Peak1: 50, Peak: 100, L2Bandwidth: 80, Bandwidth: 10}

func TestGrid(t *testing.T) {
	got := Grid([]string{"f32", "int8"}, []int{1, 8}, []int{224})
	want := []Spec{{"f32", 1, 224}, {"int8", 1, 224}, {"f32", 8, 224}, {"int8", 8, 224}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, wanted %v", got, want)
	}
}

// TestTurns: one run of each to warm up, then round by round.
func TestTurns(t *testing.T) {
	var log []string
	var cases []*Case
	for _, name := range []string{"a", "b", "c"} {
		cases = append(cases, newCase("net", Spec{"f32", 1, 8}, &fake{name: name, log: &log}))
	}
	turns := 0
	if err := Measure(t.Context(), cases, Plan{Rounds: 2}, func(n int) { turns = n }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ""); got != "abcabcabc" || turns != 6 {
		t.Errorf("ran %s in %d turns", got, turns)
	}
	for _, c := range cases {
		if len(c.Seconds) != 2 {
			t.Errorf("%d rounds noted, wanted 2", len(c.Seconds))
		}
	}
}

// TestStopped keeps what was measured: the context ends in the second round.
func TestStopped(t *testing.T) {
	var log []string
	ctx, cancel := context.WithCancel(t.Context())
	cases := []*Case{newCase("net", Spec{}, &fake{log: &log}), newCase("net", Spec{}, &fake{log: &log})}
	err := Measure(ctx, cases, Plan{Rounds: 5}, func(n int) {
		if n == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(cases[0].Seconds) != 2 || len(cases[1].Seconds) != 1 {
		t.Errorf("error %v, rounds %v and %v", err, cases[0].Seconds, cases[1].Seconds)
	}
	cases[1].Seconds = nil
	if rows := Rows(cases, machine); len(rows) != 1 {
		t.Errorf("%d rows, wanted the one that was measured", len(rows))
	}
}

func TestRow(t *testing.T) {
	c := newCase("net", Spec{"f32", 8, 64}, &fake{nodes: []engine.NodeTime{{Flops: 3e9}, {}, {Flops: 2e9}}})
	c.Compile, c.Seconds = 0.25, []float64{0.4, 0.1, 0.2, 0.2, 0.8}
	want := Row{Network: "net", Spec: c.Spec, Rounds: 5, ImagesPerSecond: 40, Best: 80, GFlops: 25, PeakShare: 0.25, Deviation: 0.01, CompileSeconds: 0.25, MemoryMiB: 3}
	if got := Rows([]*Case{c}, machine)[0]; got != want {
		t.Errorf("%+v\nwanted %+v", got, want)
	}
	if m := median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("median of 1…4 is %g", m)
	}
}

// TestProfile: rounds take 2, 3 and 4 times the nodes' times after the run
// that warms up, so the medians are 3 times as much.
func TestProfile(t *testing.T) {
	var log []string
	c := newCase("net", Spec{"f32", 8, 64}, &fake{log: &log, nodes: []engine.NodeTime{
		{Name: "c1", Kind: "Conv", Algorithm: "direct", Shape: tensor.Shape{8, 4}, Time: time.Millisecond, Flops: 150e6, Bytes: 1e6, Work: 200e6},
		{Name: "p", Kind: "MaxPool", Time: time.Millisecond / 2, Bytes: 15e6},
		{Name: "c2", Kind: "Conv", Algorithm: "direct", Time: time.Millisecond / 2, Flops: 30e6, Bytes: 6e6},
	}})
	p, err := Layers(t.Context(), c, machine, 3, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	want := []Layer{
		{"c1", "Conv", "(8,4)", "direct", "arithmetic", 2, Cost{3, 0.5, 150e6, 1e6, 1.5, 50, 0.5, 150, 100, 0.5}},
		{"p", "MaxPool", "()", "", "memory", 0, Cost{1.5, 0.25, 0, 15e6, 1.5, 0, 0, 0, 0, 1}},
		{"c2", "Conv", "()", "direct", "memory", 0, Cost{1.5, 0.25, 30e6, 6e6, 0.6, 20, 0.2, 5, 50, 0.4}},
	}
	groups := []Group{
		{"direct", 2, Cost{4.5, 0.75, 180e6, 7e6, 2.1, 40, 0.4, 180. / 7, 180 / 2.1, 2.1 / 4.5}},
		{"MaxPool", 1, want[1].Cost},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) })
	if d := cmp.Diff(want, p.Layers, near); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(groups, p.Groups, near); d != "" {
		t.Error(d)
	}
	if p.Rounds != 3 || p.Total.Millis != 6 || math.Abs(p.Total.Share-1) > 1e-9 {
		t.Errorf("%d rounds, total %+v", p.Rounds, p.Total)
	}
}

func TestEndToEnds(t *testing.T) {
	files := &Case{Spec: Spec{"bf16", 8, 64}, Network: "net", Images: 24, Deviation: 0.02, Seconds: []float64{2, 3, 4}}
	forward := newCase("net", files.Spec, &fake{})
	forward.repeat(3)
	forward.Seconds = []float64{2, 2, 1}
	want := EndToEnd{"net", files.Spec, 24, 3, 8, 12, 12, 24, 2. / 3, 0.02}
	got := EndToEnds([]*Case{files, forward, {Images: 1, Seconds: []float64{1}}, {Images: 1}})
	if len(got) != 1 || got[0] != want {
		t.Errorf("%+v\nwanted %+v", got, want)
	}
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		n, most, batch int
		want           []int
	}{
		{10, 5, 2, []int{0, 2, 5, 7}},
		{3, 512, 8, []int{0, 1, 2}},
		{0, 512, 8, []int{}},
	} {
		if got := pick(c.n, c.most, c.batch); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestMissing asks for a precision that is not there once, and for the others.
func TestMissing(t *testing.T) {
	asked := ""
	maker := func(_ context.Context, s Spec) ([]*Case, error) {
		asked += s.Precision + " "
		if s.Precision == "int8" {
			return nil, lackError{errors.New("no such adder")}
		}
		return []*Case{{Spec: s}}, nil
	}
	cases, missing, err := Compile(t.Context(), Grid([]string{"f32", "int8"}, []int{1, 8}, []int{64}), maker, func(int) {})
	if err != nil || len(cases) != 2 || len(missing) != 1 || missing[0] != (Missing{"int8", "no such adder"}) || asked != "f32 int8 f32 " {
		t.Errorf("%d cases, missing %v, error %v, asked for %s", len(cases), missing, err, asked)
	}
}

// TestMemory: cases share the memory that is allowed.
func TestMemory(t *testing.T) {
	n := &Network{Name: "net", memory: 100 << 20}
	s := Spec{"f32", 8, 64}
	if left, err := n.take(s, 40<<20); left != 60<<20 || err != nil {
		t.Errorf("%d bytes left, %v", left, err)
	}
	_, err := n.take(s, 60<<20)
	want := "batch 8, 64×64 pixels, f32: net: the images alone need 60 MiB of memory: a smaller batch or image needs less; all cases together may take 100 MiB ("
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	other := errors.New("no such operator")
	if n.refused(s, other) != other {
		t.Error("an error of another kind was changed")
	}
	if left, err := (&Network{}).take(s, 1<<60); left != 0 || err != nil {
		t.Errorf("without a limit: %d, %v", left, err)
	}
	if free := FreeMemory(); free < 0 {
		t.Errorf("%d bytes free", free)
	}
}

// TestFiles reads back what was written.
func TestFiles(t *testing.T) {
	rows := []Row{{Network: "a,b", Spec: Spec{"f32", 8, 64}, Rounds: 7, ImagesPerSecond: 1.5, Best: 2, GFlops: 30, PeakShare: 0.3}, {Network: "c"}}
	r := &Report{Machine: machine, Network: "a", Note: "made", Rows: rows, Missing: []Missing{{"bf16", "old"}}}
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	again := &Report{}
	if err := json.Unmarshal(b.Bytes(), again); err != nil || cmp.Diff(r, again) != "" {
		t.Errorf("JSON: %v\n%s", err, cmp.Diff(r, again))
	}
	b.Reset()
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	var lines []csvLine[Row]
	if err := csvutil.Unmarshal(b.Bytes(), &lines); err != nil || len(lines) != 2 || lines[0] != (csvLine[Row]{rows[0], machine}) {
		t.Errorf("CSV: %v\n%s", err, &b)
	}
}
