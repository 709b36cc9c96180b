package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"github.com/x448/float16"
)

// littleEndian is whether this machine's memory order is the file's.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// NewFloats returns a float32 tensor over data, whose memory it shares: later
// changes of data show in it.
func NewFloats(name string, shape []int64, data []float32) *Tensor {
	t := &Tensor{Name: name, Type: Float, Shape: shape}
	if littleEndian {
		t.Raw = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
		return t
	}
	for _, v := range data {
		t.Raw = binary.LittleEndian.AppendUint32(t.Raw, math.Float32bits(v))
	}
	return t
}

// NewInts returns an int64 tensor with a copy of data.
func NewInts(name string, shape []int64, data ...int64) *Tensor {
	t := &Tensor{Name: name, Type: Int64, Shape: shape, Raw: make([]byte, 0, 8*len(data))}
	for _, v := range data {
		t.Raw = binary.LittleEndian.AppendUint64(t.Raw, uint64(v))
	}
	return t
}

// Elements returns the product of the shape, 1 for a scalar. It fails when an
// axis is negative or the product overflows.
func (t *Tensor) Elements() (int64, error) {
	n := int64(1)
	for _, d := range t.Shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %s has a negative axis", shapeText(t.Shape))
		}
		if d > 0 && n > math.MaxInt64/8/d {
			return 0, fmt.Errorf("shape %s has too many elements", shapeText(t.Shape))
		}
		n *= d
	}
	return n, nil
}

// check reports whether the bytes fill shape and type.
func (t *Tensor) check() error {
	size := t.Type.Size()
	if size == 0 {
		return fmt.Errorf("tensor %q: elements of type %v are not supported", t.Name, t.Type)
	}
	n, err := t.Elements()
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if int64(len(t.Raw)) != n*size {
		return fmt.Errorf("tensor %q: shape %s of %v wants %d bytes, found %d", t.Name, shapeText(t.Shape), t.Type, n*size, len(t.Raw))
	}
	return nil
}

// Floats returns the elements as float32, row-major: a view of Raw when the
// type is Float and the memory is aligned, else a copy, converted from float64,
// float16, bfloat16, integers or bool. A view must not be written to and ends
// with the model's Close.
func (t *Tensor) Floats() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.Type == Float {
		return floatView(t.Raw), nil
	}
	out := make([]float32, len(t.Raw)/int(t.Type.Size()))
	le := binary.LittleEndian
	switch t.Type {
	case Double:
		for i := range out {
			out[i] = float32(math.Float64frombits(le.Uint64(t.Raw[8*i:])))
		}
	case Float16:
		for i := range out {
			out[i] = float16.Frombits(le.Uint16(t.Raw[2*i:])).Float32()
		}
	case BFloat16:
		for i := range out {
			out[i] = math.Float32frombits(uint32(le.Uint16(t.Raw[2*i:])) << 16)
		}
	default:
		ints, err := t.Ints()
		if err != nil {
			return nil, err
		}
		for i, v := range ints {
			out[i] = float32(v)
		}
	}
	return out, nil
}

// floatView reads little-endian float32 numbers, without copying where it can.
func floatView(raw []byte) []float32 {
	n := len(raw) / 4
	if n == 0 {
		return []float32{}
	}
	p := unsafe.Pointer(unsafe.SliceData(raw))
	if littleEndian && uintptr(p)%4 == 0 {
		return unsafe.Slice((*float32)(p), n)
	}
	out := make([]float32, n)
	if littleEndian {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), 4*n), raw)
		return out
	}
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

// Ints returns a copy of the elements of an integer or bool tensor.
func (t *Tensor) Ints() ([]int64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	out := make([]int64, len(t.Raw)/int(t.Type.Size()))
	for i := range out {
		switch t.Type {
		case Int64:
			out[i] = int64(binary.LittleEndian.Uint64(t.Raw[8*i:]))
		case Int32:
			out[i] = int64(int32(binary.LittleEndian.Uint32(t.Raw[4*i:])))
		case Int8:
			out[i] = int64(int8(t.Raw[i]))
		case Uint8, Bool:
			out[i] = int64(t.Raw[i])
		default:
			return nil, fmt.Errorf("tensor %q: wanted integers, found %v", t.Name, t.Type)
		}
	}
	return out, nil
}

// shapeText writes a shape as in "(64,3,7,7)".
func shapeText(shape []int64) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = strconv.FormatInt(d, 10)
	}
	return "(" + strings.Join(parts, ",") + ")"
}
