package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// TestServe cuts small networks as the contest does and lets tl's worker
// compute their features.
func TestServe(t *testing.T) {
	for name, channels := range map[string]int{"resnet50": 256, "vgg16": 64} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := load{Network: filepath.Join(dir, "network.onnx"), Input: filepath.Join(dir, "x.npy"), Batch: 2, Size: 64, Threads: 1, Precision: "f32"}
			whole, err := weights.Seeded(name, weights.SeededOptions{Width: 0.125, Classes: 3})
			if err != nil {
				t.Fatal(err)
			}
			body, err := convolutions(whole)
			if err != nil {
				t.Fatal(err)
			}
			if err := onnx.WriteFile(l.Network, body); err != nil {
				t.Fatal(err)
			}
			if err := writeNPY(l.Input, noise(l.Batch, l.Size)); err != nil {
				t.Fatal(err)
			}
			features := filepath.Join(dir, "y.npy")
			answers := ask(t, request{Load: &l}, request{Run: 3}, request{Output: features})
			if a := answers[1]; len(a.Seconds) != 3 || a.Images != 6 || a.rate() <= 0 {
				t.Errorf("three runs of two images: answer %+v", a)
			}
			y, err := readNPY(features)
			if err != nil {
				t.Fatal(err)
			}
			if len(y.Shape) != 2 || y.Shape[0] != l.Batch || y.Shape[1] != channels {
				t.Errorf("features have shape %v, want (%d,%d)", y.Shape, l.Batch, channels)
			}
		})
	}
}

// ask sends requests to tl's worker and returns its answers.
func ask(t *testing.T, requests ...request) []answer {
	t.Helper()
	var in, out bytes.Buffer
	for _, r := range requests {
		if err := json.NewEncoder(&in).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := serve(&in, &out); err != nil {
		t.Fatal(err)
	}
	answers := make([]answer, len(requests))
	for i, d := 0, json.NewDecoder(&out); i < len(answers); i++ {
		if err := d.Decode(&answers[i]); err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

func TestDifference(t *testing.T) {
	if d := difference([]float32{3, 4}, []float32{3, 3}); d < 0.2357 || d > 0.2358 { // 1 ÷ √18
		t.Errorf("difference %v, want 0.2357", d)
	}
	if d := difference([]float32{1}, []float32{1, 2}); d <= 1 {
		t.Errorf("difference of other lengths %v, want +Inf", d)
	}
}
