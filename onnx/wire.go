package onnx

import (
	"fmt"
	"iter"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a protobuf message. Its methods report a wrong wire
// type through err, which also ends the loop over fields.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	bits uint64 // of a varint, fixed32 or fixed64
	data []byte // of a length-delimited field: a view of the message
	err  *error
}

// fields yields the fields of message b in order. A malformed message or an
// error set by the loop's body ends it with *err set. Nothing is allocated, so
// a wrong length costs nothing.
func fields(b []byte, err *error) iter.Seq[field] {
	return func(yield func(field) bool) {
		for off := 0; off < len(b); {
			f, n, e := parseField(b[off:])
			if e != nil {
				*err = fmt.Errorf("at byte %d of %d: %w", off, len(b), e)
				return
			}
			off += n
			f.err = err
			if !yield(f) || *err != nil {
				return
			}
		}
	}
}

// parseField reads the field at the start of b and returns its length in bytes.
func parseField(b []byte) (f field, size int, err error) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, 0, fmt.Errorf("no protobuf field: %w", protowire.ParseError(n))
	}
	f.num, f.typ = num, typ
	b = b[n:]
	m := 0
	switch typ {
	case protowire.VarintType:
		f.bits, m = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, m = protowire.ConsumeFixed32(b)
		f.bits = uint64(v)
	case protowire.Fixed64Type:
		f.bits, m = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		want, k := protowire.ConsumeVarint(b)
		if k > 0 && want > uint64(len(b)-k) {
			return f, 0, fmt.Errorf("field %d wants %d bytes, only %d are left: the file is truncated or damaged", num, want, len(b)-k)
		}
		f.data, m = protowire.ConsumeBytes(b)
	default:
		return f, 0, fmt.Errorf("field %d has wire type %d, which ONNX does not use", num, typ)
	}
	if m < 0 {
		return f, 0, fmt.Errorf("field %d: %w: the file is truncated or damaged", num, protowire.ParseError(m))
	}
	return f, n + m, nil
}

// is reports whether f has wire type t, and sets the error when it does not.
func (f field) is(t protowire.Type) bool {
	if f.typ != t {
		*f.err = fmt.Errorf("field %d: wanted wire type %d, found %d", f.num, t, f.typ)
	}
	return f.typ == t
}

func (f field) bytes() []byte {
	f.is(protowire.BytesType)
	return f.data
}

func (f field) text() string {
	switch {
	case !f.is(protowire.BytesType):
	case len(f.data) > maxText:
		*f.err = fmt.Errorf("field %d: a text of %d bytes, at most %d are read", f.num, len(f.data), maxText)
		return ""
	case !utf8.Valid(f.data):
		*f.err = fmt.Errorf("field %d: text %.40q is not UTF-8", f.num, f.data)
	}
	return string(f.data)
}

func (f field) int() int64 {
	f.is(protowire.VarintType)
	return int64(f.bits)
}

// packed appends to dst the elements of a repeated field of wire type t as they
// stand in a packed field, whether they came packed or not. The first packed
// chunk is returned as a view, without copying.
func (f field) packed(dst []byte, t protowire.Type) []byte {
	switch {
	case f.typ == protowire.BytesType && dst == nil:
		return f.data[:len(f.data):len(f.data)]
	case f.typ == protowire.BytesType:
		return append(dst, f.data...)
	case !f.is(t):
		return dst
	case t == protowire.VarintType:
		return protowire.AppendVarint(dst, f.bits)
	case t == protowire.Fixed32Type:
		return protowire.AppendFixed32(dst, uint32(f.bits))
	}
	return protowire.AppendFixed64(dst, f.bits)
}

// varints yields the integers of a packed field.
func varints(b []byte, err *error) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for len(b) > 0 {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				*err = fmt.Errorf("packed integers: %w", protowire.ParseError(n))
				return
			}
			if b = b[n:]; !yield(int64(v)) {
				return
			}
		}
	}
}

// fixedBits returns the bits of a fixed32 field.
func (f field) fixedBits() uint64 {
	f.is(protowire.Fixed32Type)
	return f.bits
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func appendMessage(b []byte, num protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), message)
}

func appendInt(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}

// appendOptional appends s unless it is empty.
func appendOptional(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(b, num, s)
}
