// Package op holds the operators, one a file: attributes, Shape, Forward and,
// where it can be trained through, Backward, in that order.
//
// An operator knows shapes and meaning; the arithmetic is in internal/cpu.
// All activations are float32 in NCHW order.
package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Op is one operator with its attributes set. It has one output and is safe
// for concurrent use on different devices.
type Op interface {
	// Kind is the ONNX operator type, e.g. "Conv".
	Kind() string
	// Shape returns the output's shape, or an error that says what was wanted.
	// An omitted optional input is a nil Shape.
	Shape(in ...tensor.Shape) (tensor.Shape, error)
	// Forward fills y, whose shape is Shape's answer, from x. An omitted
	// optional input is nil. It allocates nothing after the first call: loops
	// are handed to the device as values (cpu.Loop), not as closures. The
	// elementwise operators say that y may share an input's data.
	Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor)
}

// Differentiable is an Op that can be trained through.
type Differentiable interface {
	Op
	// Backward sets dx[i], the gradient of the loss by input i, for each dx[i]
	// that is not nil, from dy, the gradient by the output, and the values of
	// the forward pass.
	Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor)
}

// Scratcher is an Op whose kernels take memory beside its operands, as its
// shapes tell. All others take none.
type Scratcher interface {
	Op
	// Scratch is what Forward takes of d for inputs of these shapes and, where
	// grad is not nil, Backward for the gradients by the inputs that it marks.
	// An operator that Pack has prepared may take less.
	Scratch(d *cpu.Device, grad []bool, in ...tensor.Shape) cpu.Scratch
}

// Packer is an Op that gains from seeing its constant inputs once, before the
// first Forward: a convolution lays its weights out for the matrix kernel.
type Packer interface {
	Op
	// Pack returns the same operator with the constant inputs (the non-nil
	// entries of x) prepared for d. The result still takes all inputs.
	Pack(d *cpu.Device, x ...*tensor.Tensor) Op
}
