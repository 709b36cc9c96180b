package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func sample() *Checkpoint {
	return &Checkpoint{
		Meta: json.RawMessage(`{"epoch":3,"seed":7,"note":"a \"quoted\" µ"}`),
		Arrays: []Array{
			{Name: "zeta", Shape: []int{2, 3}, Data: []float32{1, -2, 3e-42, float32(math.Inf(1)), 0, 5}},
			{Name: "alpha", Shape: []int{}, Data: []float32{float32(math.Copysign(0, -1))}},
			{Name: "empty", Shape: []int{0, 4}, Data: []float32{}},
			{Name: "beta/ü", Shape: []int{4}, Data: []float32{1, 2, 3, 4}},
		},
	}
}

// same reports whether two checkpoints hold the same bits in the same order.
func same(a, b *Checkpoint) bool {
	return bytes.Equal(a.Meta, b.Meta) && slices.EqualFunc(a.Arrays, b.Arrays, func(x, y Array) bool {
		return x.Name == y.Name && slices.Equal(x.Shape, y.Shape) && slices.EqualFunc(x.Data, y.Data,
			func(p, q float32) bool { return math.Float32bits(p) == math.Float32bits(q) })
	})
}

func save(t *testing.T, c *Checkpoint) (path string, file []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "head.ckpt")
	if err := SaveCheckpoint(path, c); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, file
}

func TestCheckpointComesBack(t *testing.T) {
	path, first := save(t, sample())
	got, err := LoadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	// Arrays without numbers share an offset with their neighbour; order among the others is kept.
	want := sample()
	if a := got.Array("empty"); a == nil || !slices.Equal(a.Shape, []int{0, 4}) {
		t.Errorf("empty array came back as %v", a)
	}
	drop := func(a Array) bool { return a.Name == "empty" }
	want.Arrays, got.Arrays = slices.DeleteFunc(want.Arrays, drop), slices.DeleteFunc(got.Arrays, drop)
	if !same(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, second := save(t, sample()); !bytes.Equal(first, second) {
		t.Error("the same checkpoint gives other bytes the second time")
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCheckpointKeepsTheOldFileOnError(t *testing.T) {
	path, before := save(t, sample())
	bad := &Checkpoint{Arrays: []Array{{Name: "w", Shape: []int{3}, Data: []float32{1}}}}
	if err := SaveCheckpoint(path, bad); err == nil || !strings.Contains(err.Error(), `array "w"`) {
		t.Errorf("error %v, wanted one that names the array", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the old checkpoint changed")
	}
}

// Every truncation and every flipped byte must be noticed.
func TestCheckpointDamage(t *testing.T) {
	_, file := save(t, sample())
	for n := range file {
		if _, err := decodeCheckpoint(slices.Clone(file[:n])); err == nil {
			t.Fatalf("a file cut off at %d of %d bytes was accepted", n, len(file))
		}
		for _, bit := range []byte{1, 0x80} {
			damaged := slices.Clone(file)
			damaged[n] ^= bit
			if c, err := decodeCheckpoint(damaged); err == nil {
				t.Fatalf("byte %d of %d changed unnoticed: %+v", n, len(file), c)
			}
		}
	}
	if _, err := decodeCheckpoint(append(slices.Clone(file), 0)); err == nil {
		t.Error("a byte too many was accepted")
	}
}

func TestCheckpointErrorsSayWhat(t *testing.T) {
	_, file := save(t, sample())
	other := bytes.Replace(file, []byte(`"tl.version":"1"`), []byte(`"tl.version":"9"`), 1)
	huge := binary.LittleEndian.AppendUint64(nil, 1<<40)
	foreign := append(binary.LittleEndian.AppendUint64(nil, 2), "{}"...)
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "cut off", nil},
		{"half", "cut off", file[:len(file)-3]},
		{"header only", "cut off", file[:20]},
		{"version", `version "9", this program reads version "1"`, other},
		{"huge header", "no checkpoint", huge},
		{"foreign safetensors", "no checkpoint", foreign},
		{"text", "no checkpoint", []byte("<html><body>not found</body></html>")},
	} {
		if _, err := decodeCheckpoint(slices.Clone(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted %q", c.name, err, c.want)
		}
	}
}

func TestCheckpointAnyArrays(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		c := &Checkpoint{Meta: json.RawMessage(`{}`)}
		for i, name := range rapid.SliceOfDistinct(rapid.String(), rapid.ID).Draw(r, "names") {
			if name == "__metadata__" || strings.ToValidUTF8(name, "") != name {
				continue
			}
			data := rapid.SliceOfN(rapid.Uint32(), 1, 20).Draw(r, "bits")
			a := Array{Name: name, Shape: []int{len(data)}, Data: make([]float32, len(data))}
			if i%2 == 1 {
				a.Shape = []int{1, len(data), 1}
			}
			for j, b := range data {
				a.Data[j] = math.Float32frombits(b)
			}
			c.Arrays = append(c.Arrays, a)
		}
		path := filepath.Join(dir, "any.ckpt")
		if err := SaveCheckpoint(path, c); err != nil {
			r.Fatal(err)
		}
		got, err := LoadCheckpoint(path)
		if err != nil {
			r.Fatal(err)
		}
		if !same(got, c) {
			r.Fatalf("got %+v, want %+v", got, c)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.ckpt")
	if err := SaveCheckpoint(path, sample()); err != nil {
		f.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(append(binary.LittleEndian.AppendUint64(nil, 60), `{"__metadata__":{"tl.version":"1"},"a":{"dtype":"F32","shape":[-1]}}`...))
	f.Fuzz(func(t *testing.T, b []byte) {
		decodeCheckpoint(slices.Clone(b)) // must not panic
	})
}
