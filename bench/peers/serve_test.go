package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/bench/peer"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// TestContender cuts small networks as the contest does and lets tl compute
// their features.
func TestContender(t *testing.T) {
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
			if err := peer.WriteNPY(l.Input, noise(l.Batch, l.Size)); err != nil {
				t.Fatal(err)
			}
			what, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			var p tl
			if _, _, err := p.Load(what); err != nil {
				t.Fatal(err)
			}
			seconds, images, err := p.Run(3)
			if err != nil || len(seconds) != 3 || images != 6 {
				t.Errorf("three runs of two images: %v for %d images, error %v", seconds, images, err)
			}
			y, err := p.Output()
			if err != nil {
				t.Fatal(err)
			}
			if len(y.Shape) != 2 || y.Shape[0] != l.Batch || y.Shape[1] != channels {
				t.Errorf("features have shape %v, want (%d,%d)", y.Shape, l.Batch, channels)
			}
		})
	}
}

func TestDifference(t *testing.T) {
	if d := difference([]float32{3, 4}, []float32{3, 3}); d < 0.2357 || d > 0.2358 { // 1 ÷ √18
		t.Errorf("difference %v, want 0.2357", d)
	}
	if d := difference([]float32{1}, []float32{1, 2}); d <= 1 {
		t.Errorf("difference of other lengths %v, want +Inf", d)
	}
}
