package backbones

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// A network that needs more memory than is allowed is refused before that
// memory is taken.
func TestMemoryIsRefusedBeforeItIsTaken(t *testing.T) {
	path := seeded(t, "tiny", weights.SeededOptions{})
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Batch: 4096, MaxMemory: 64 << 20}, "at most 64 MiB are allowed (a smaller batch or image needs less)"},
		{Options{Size: 8192, MaxMemory: 64 << 20}, "at most 64 MiB are allowed"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b, err := Open(path, c.o)
		runtime.ReadMemStats(&after)
		if err == nil {
			b.Close()
			t.Fatalf("%+v: was opened", c.o)
		}
		t.Log(err)
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%+v: error %q, wanted %q", c.o, err, c.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Errorf("%+v: took %d bytes to refuse", c.o, used)
		}
	}
}

// A NaN or an infinity among the weights is told on the card, with the name of
// the weight; the network can be used.
func TestNotFiniteWeightsAreTold(t *testing.T) {
	m, err := weights.Seeded("tiny", weights.SeededOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(open(t, write(t, m), Options{}).Card().Notes, "\n"); strings.Contains(notes, "NaN") {
		t.Errorf("told of good weights: %s", notes)
	}
	name := m.Nodes[0].Inputs[1]
	x, err := m.Weights[name].Floats()
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]float32{float32(math.NaN()), float32(math.Inf(1))}, x[2:]...)
	m.Weights[name] = onnx.NewFloats(name, m.Weights[name].Shape, bad)
	notes := strings.Join(open(t, write(t, m), Options{}).Card().Notes, "\n")
	t.Log(notes)
	if !strings.Contains(notes, `weight "`+name+`" holds 2 numbers of`) {
		t.Errorf("notes %q do not name %q", notes, name)
	}
}

// A device has no end; it is refused all the same.
func TestNoRegularFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zero.onnx")
	if err := os.Symlink(os.DevNull, path); err != nil {
		return // making links needs a privilege on Windows
	}
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "wanted a regular file") {
		t.Errorf("error %v", err)
	}
}
