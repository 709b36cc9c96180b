package onnx

import "fmt"

// elementTypes names TensorProto.DataType's values; size is in bytes, 0 for
// those that this package does not hold.
var elementTypes = [...]struct {
	name string
	size int64
}{
	{"undefined", 0}, {"float32", 4}, {"uint8", 1}, {"int8", 1}, {"uint16", 0}, {"int16", 0},
	{"int32", 4}, {"int64", 8}, {"string", 0}, {"bool", 1}, {"float16", 2}, {"float64", 8},
	{"uint32", 0}, {"uint64", 0}, {"complex64", 0}, {"complex128", 0}, {"bfloat16", 2},
	{"float8e4m3fn", 0}, {"float8e4m3fnuz", 0}, {"float8e5m2", 0}, {"float8e5m2fnuz", 0},
	{"uint4", 0}, {"int4", 0}, {"float4e2m1", 0}, {"float8e8m0", 0},
}

// String names the type as numpy does, e.g. "float32".
func (d DataType) String() string {
	if d < 0 || int(d) >= len(elementTypes) {
		return fmt.Sprint(int32(d))
	}
	return elementTypes[d].name
}

// Size returns the bytes of one element, 0 for types that are not supported.
func (d DataType) Size() int64 {
	if d < 0 || int(d) >= len(elementTypes) {
		return 0
	}
	return elementTypes[d].size
}

// quantised reports whether weights of type d are a quantised network's.
func (d DataType) quantised() bool {
	switch d {
	case Uint8, Int8, 4, 5, 17, 18, 19, 20, 21, 22, 23, 24:
		return true
	}
	return false
}
