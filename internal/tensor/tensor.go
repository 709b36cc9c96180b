// Package tensor holds a shape and float32 numbers in row-major order; nothing else.
//
// Letters used all over the project: N batch, C channels, H×W pixels (or
// feature-map cells), K output channels, R×S kernel height×width, F features.
package tensor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Shape is the length of each axis, outermost first. A scalar has length 0.
type Shape []int

// Size returns the number of elements: the product of all axes, 1 for a scalar.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports whether s and t have the same axes.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// Clone returns a copy of s.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// String writes a shape as in "(1,3,224,224)".
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = strconv.Itoa(d)
	}
	return "(" + strings.Join(parts, ",") + ")"
}

// Tensor is float32 data with its shape: len(Data) == Shape.Size().
type Tensor struct {
	Shape Shape
	Data  []float32
}

// New returns a zeroed tensor.
func New(shape ...int) *Tensor {
	s := Shape(slices.Clone(shape))
	return &Tensor{Shape: s, Data: make([]float32, s.Size())}
}

// Of wraps data without copying. It panics when the length does not fit, which
// only a programming mistake can cause.
func Of(data []float32, shape ...int) *Tensor {
	s := Shape(slices.Clone(shape))
	if len(data) != s.Size() {
		panic(fmt.Sprintf("tensor: %d numbers do not fill shape %v", len(data), s))
	}
	return &Tensor{Shape: s, Data: data}
}
