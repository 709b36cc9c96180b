package peer

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
)

// halves answers with half of what it was told to load.
type halves struct{ x float32 }

func (h *halves) Load(what json.RawMessage) (version, settings string, err error) {
	return "halves 1", "none", json.Unmarshal(what, &h.x)
}

func (h *halves) Run(iterations int) ([]float64, int, error) {
	if h.x < 0 {
		return nil, 0, errors.New("less than nothing")
	}
	return make([]float64, iterations), 8 * iterations, nil
}

func (h *halves) Output() (*tensor.Tensor, error) { return tensor.Of([]float32{h.x / 2}, 1), nil }

// TestMain is the contender's process where a test starts one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "-serve" {
		if err := Serve(os.Stdin, os.Stdout, &halves{}); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func start(t *testing.T) *Process {
	t.Helper()
	args, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), Command{Label: "halves", Args: args, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// A process answers each request; the last words of one that fails are told.
func TestProcess(t *testing.T) {
	p := start(t)
	if err := p.Load(5); err != nil || p.Version != "halves 1" || p.Settings != "none" {
		t.Fatalf("load: %+v, %v", p.Record, err)
	}
	if a, err := p.Run(3); err != nil || len(a.Seconds) != 3 || a.Images != 24 {
		t.Errorf("run: %+v, %v", a, err)
	}
	if err := p.TakeTurn(2); err != nil || len(p.Rates) != 1 || p.Peak == 0 {
		t.Errorf("turn: %+v, %v", p.Record, err)
	}
	if x, err := p.Output(t.TempDir()); err != nil || len(x.Data) != 1 || x.Data[0] != 2.5 {
		t.Errorf("output: %v, %v", x, err)
	}
	if err := p.Load(-1); err != nil {
		t.Fatal(err)
	}
	_, err := p.Run(1)
	if err == nil || !strings.Contains(err.Error(), "halves: ") || !strings.Contains(err.Error(), "less than nothing") || !errors.Is(err, io.EOF) {
		t.Errorf("run that fails: %v", err)
	}
}

func TestNoPython(t *testing.T) {
	_, err := Python(filepath.Join(t.TempDir(), "python"), "bench/peers/setup", "x_peer.py", "")
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "type bench/peers/setup") {
		t.Errorf("no python: %v", err)
	}
}

func TestMedian(t *testing.T) {
	if m := Median([]float64{3, 1, 2}); m != 2 {
		t.Errorf("median of 3, 1, 2: %g", m)
	}
	if m := Median([]float64{4, 1, 2, 3}); m != 2.5 {
		t.Errorf("median of 4, 1, 2, 3: %g", m)
	}
}
