package dataset

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// realFiles reads some of the real cells.
func realFiles(t testing.TB, n int) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(testkit.Data(t, "cells/Parasitized"), "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for i := range n {
		b, err := os.ReadFile(names[i*len(names)/n])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func BenchmarkDecode(b *testing.B) {
	files := realFiles(b, 64)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := DecodeBytes("cell", files[i%len(files)], Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResize128(b *testing.B) {
	var images []*Image
	for _, f := range realFiles(b, 64) {
		im, err := DecodeBytes("cell", f, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		images = append(images, im)
	}
	dst := make([]float32, 3*128*128)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		Resize(dst, images[i%len(images)], 128)
	}
}

// BenchmarkBatches counts pictures, disk included, one worker.
func BenchmarkBatches(b *testing.B) {
	d := realCells(b)
	indices := make([]int, b.N)
	for i := range indices {
		indices[i] = i * 7919 % len(d.Items)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, err := range d.Batches(context.Background(), BatchOptions{Size: 128, Workers: 1, Indices: indices}) {
		if err != nil {
			b.Fatal(err)
		}
	}
}
