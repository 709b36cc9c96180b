package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// tensorProto holds the fields of a TensorProto as they come. Only one of the
// stores may be used.
type tensorProto struct {
	Tensor
	raw, floats, doubles []byte // little-endian elements
	int32s, int64s       []byte // packed varints
	external             [][2]string
	isExternal           bool
}

// tensor reads a TensorProto. Its bytes are a view of b, or of the external
// file, wherever they lie there as they are needed.
func (s *splitter) tensor(b []byte) (*Tensor, error) {
	var p tensorProto
	err := p.read(b)
	if err == nil {
		err = p.pickStore(s.external)
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", p.Name, err)
	}
	t := p.Tensor
	return &t, t.check()
}

func (p *tensorProto) read(b []byte) (err error) {
	var dims []byte
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			dims = f.packed(dims, protowire.VarintType)
		case 2:
			p.Type = DataType(f.int())
		case 3:
			err = errors.New("segmented tensors are not supported")
		case 4:
			p.floats = f.packed(p.floats, protowire.Fixed32Type)
		case 5:
			p.int32s = f.packed(p.int32s, protowire.VarintType)
		case 7:
			p.int64s = f.packed(p.int64s, protowire.VarintType)
		case 8:
			p.Name = f.text()
		case 9:
			p.raw = f.bytes()
		case 10:
			p.doubles = f.packed(p.doubles, protowire.Fixed64Type)
		case 13:
			k, v, e := keyValue(f.bytes())
			if p.external, err = append(p.external, [2]string{k, v}), e; len(p.external) > 10 {
				err = errors.New("external data: more than 10 entries")
			}
		case 14:
			p.isExternal = f.int() == 1
		}
	}
	if err == nil {
		err = p.readDims(dims)
	}
	return err
}

func (p *tensorProto) readDims(packed []byte) (err error) {
	for d := range varints(packed, &err) {
		if p.Shape = append(p.Shape, d); len(p.Shape) > maxRank {
			return fmt.Errorf("more than %d axes", maxRank)
		}
	}
	return err
}

// pickStore sets Raw from the one field that holds the elements.
func (p *tensorProto) pickStore(x *externals) (err error) {
	if err := p.checkType(); err != nil {
		return err
	}
	n, err := p.Elements()
	if err != nil {
		return err
	}
	typed := p.typedStore()
	switch {
	case p.isExternal:
		p.Raw, err = x.view(p.external, n*p.Type.Size())
	case len(p.raw) > 0 && len(typed) > 0:
		err = errors.New("elements are stored twice, as raw_data and typed")
	case len(typed) > 0 && p.Type != Float && p.Type != Double:
		p.Raw, err = p.unpack(typed, n)
	case len(typed) > 0:
		p.Raw = typed
	case len(p.raw) > 0:
		p.Raw = p.raw[:len(p.raw):len(p.raw)]
	case n > 0:
		err = fmt.Errorf("shape %s of %v holds no elements", shapeText(p.Shape), p.Type)
	}
	return err
}

// checkType refuses element types that this package does not compute with.
func (p *tensorProto) checkType() error {
	switch {
	case p.Type.quantised():
		return fmt.Errorf("elements are %v: this network is quantised (take the float network it was made from: fine-tuning needs it)", p.Type)
	case p.Type.Size() == 0:
		return fmt.Errorf("elements of type %v are not supported", p.Type)
	}
	return nil
}

// typedStore returns the field that ONNX assigns to the element type.
func (p *tensorProto) typedStore() []byte {
	switch p.Type {
	case Float:
		return p.floats
	case Double:
		return p.doubles
	case Int64:
		return p.int64s
	}
	return p.int32s
}

// unpack lays n packed integers out in the element type's width. float16 and
// bfloat16 are stored by their bits.
func (p *tensorProto) unpack(packed []byte, n int64) (out []byte, err error) {
	if n > int64(len(packed)) {
		return nil, fmt.Errorf("shape %s wants %d elements, found at most %d", shapeText(p.Shape), n, len(packed))
	}
	size := p.Type.Size()
	out = make([]byte, 0, n*size)
	var word [8]byte
	for v := range varints(packed, &err) {
		if int64(len(out)) == n*size {
			return nil, fmt.Errorf("shape %s wants %d elements, found more", shapeText(p.Shape), n)
		}
		binary.LittleEndian.PutUint64(word[:], uint64(v))
		out = append(out, word[:size]...)
	}
	return out, err
}
