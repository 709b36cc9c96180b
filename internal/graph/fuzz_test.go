package graph

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit/tiny"
)

// FuzzImport looks for files on which the graph builder panics, or does not end.
// A panic that it turns into an error is one too.
func FuzzImport(f *testing.F) {
	for _, b := range tiny.Files(f) {
		f.Add(b)
	}
	path := filepath.Join(f.TempDir(), "fuzz.onnx")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := tiny.Read(t, path, b)
		if err != nil {
			return
		}
		defer m.Close()
		for _, o := range []ImportOptions{{}, {Batch: 2}, {Batch: 1, Size: 32}} {
			g, err := Import(m, o)
			if err == nil {
				_, err = Optimise(g)
			}
			if err != nil && (strings.Contains(err.Error(), "cannot be imported") || strings.Contains(err.Error(), "pass ")) {
				t.Fatal(err)
			}
		}
	})
}

// The seeds are networks that can be imported: fuzzing starts behind the reader.
func TestSeedsImport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed.onnx")
	for i, b := range tiny.Own(t) {
		m, err := tiny.Read(t, path, b)
		if err != nil {
			t.Fatalf("network %d: %v", i, err)
		}
		if _, err := Import(m, ImportOptions{}); err != nil {
			t.Errorf("network %d, %s: %v", i, m.Nodes[0].Op, err)
		}
		m.Close()
	}
}
