package onnx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// NotFinite says which weights hold NaN or infinities, one weight a line, in
// the order of their names: `weight "conv1.w" holds 3 numbers of 9408 that are
// NaN or infinite`. Such a file is legal, since an infinity may be a limit or
// a mask, so it is no error. All weights of a float type are read.
func (m *Model) NotFinite() (notes []string) {
	since := 0
	for _, name := range slices.Sorted(maps.Keys(m.Weights)) {
		t := m.Weights[name]
		if bad, all := t.notFinite(); bad > 0 {
			notes = append(notes, fmt.Sprintf("weight %q holds %d numbers of %d that are NaN or infinite", name, bad, all))
		}
		if since += len(t.Raw); since > releaseBytes {
			m.Release()
			since = 0
		}
	}
	return notes
}

// exponents are the bits of each float type that are all set in NaN and
// infinities only, at the number's upper end.
var exponents = map[DataType]uint64{Float: 0x7f80_0000, Double: 0x7ff0_0000_0000_0000, Float16: 0x7c00, BFloat16: 0x7f80}

// notFinite counts the NaN and infinities among all numbers of t.
func (t *Tensor) notFinite() (bad, all int) {
	mask, ok := exponents[t.Type]
	if !ok {
		return 0, 0
	}
	if t.Type == Float { // nearly always: by words
		words := floatView(t.Raw)
		for _, v := range words {
			if v-v != 0 {
				bad++
			}
		}
		return bad, len(words)
	}
	size := int(t.Type.Size())
	all = len(t.Raw) / size
	for i := range all {
		var word [8]byte
		copy(word[:], t.Raw[i*size:][:size])
		if binary.LittleEndian.Uint64(word[:])&mask == mask {
			bad++
		}
	}
	return bad, all
}
