package onnx

import (
	"errors"
	"fmt"
)

// appendValue reads a ValueInfoProto.
func appendValue(list []ValueInfo, b []byte) (_ []ValueInfo, err error) {
	var v ValueInfo
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			v.Name = f.text()
		case 2:
			err = v.readType(f.bytes())
		}
	}
	if err != nil {
		return list, fmt.Errorf("value %q: %w", v.Name, err)
	}
	if len(list) >= maxValues {
		return list, fmt.Errorf("more than %d inputs or outputs", maxValues)
	}
	return append(list, v), nil
}

// readType reads a TypeProto.
func (v *ValueInfo) readType(b []byte) (err error) {
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			err = v.readTensorType(f.bytes())
		case 4, 5, 8, 9:
			err = errors.New("wanted a tensor, found a sequence, map, optional or sparse tensor")
		}
	}
	return err
}

// readTensorType reads a TypeProto.Tensor.
func (v *ValueInfo) readTensorType(b []byte) (err error) {
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			v.Type = DataType(f.int())
		case 2:
			v.Shape, err = readShape(f.bytes())
		}
	}
	return err
}

// readShape reads a TensorShapeProto. Sizes below 1 mean dynamic.
func readShape(b []byte) (_ []Dim, err error) {
	shape := []Dim{}
	for f := range fields(b, &err) {
		if f.num != 1 {
			continue
		}
		d := Dim{Size: -1}
		for g := range fields(f.bytes(), &err) {
			switch g.num {
			case 1:
				if d.Size = g.int(); d.Size < 1 {
					d.Size = -1
				}
			case 2:
				d.Param = g.text()
			}
		}
		if shape = append(shape, d); len(shape) > maxRank {
			err = fmt.Errorf("more than %d axes", maxRank)
		}
	}
	return shape, err
}
