package onnx

import (
	"math"
	"slices"
	"testing"
)

// NaN and infinities of every float type are counted, with the weight's name;
// the largest numbers, and integers with the same bits, are not among them.
func TestNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	m := &Model{Weights: map[string]*Tensor{
		"b":    NewFloats("b", []int64{3}, []float32{nan, math.MaxFloat32, inf}),
		"good": NewFloats("good", []int64{2}, []float32{0, -math.MaxFloat32}),
		"f64":  {Name: "f64", Type: Double, Shape: []int64{1}, Raw: []byte{0, 0, 0, 0, 0, 0, 0xf0, 0xff}},
		"f16":  {Name: "f16", Type: Float16, Shape: []int64{2}, Raw: []byte{0xff, 0x7b, 0x00, 0x7c}},
		"bf16": {Name: "bf16", Type: BFloat16, Shape: []int64{2}, Raw: []byte{0x7f, 0x7f, 0xc0, 0x7f}},
		"int":  NewInts("int", []int64{1}, -1),
	}}
	want := []string{
		`weight "b" holds 2 numbers of 3 that are NaN or infinite`,
		`weight "bf16" holds 1 numbers of 2 that are NaN or infinite`,
		`weight "f16" holds 1 numbers of 2 that are NaN or infinite`,
		`weight "f64" holds 1 numbers of 1 that are NaN or infinite`,
	}
	if got := m.NotFinite(); !slices.Equal(got, want) {
		t.Errorf("got %q\nwanted %q", got, want)
	}
}
