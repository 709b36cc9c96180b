package op

import "github.com/tlkit/tl/internal/cpu"

// FrozenNorm is a batch normalisation behind a convolution whose statistics,
// scale and bias stay as they are while the convolution's weights learn:
//
//	y = Scale[k]·(conv(x, w) + bias) + Shift[k]
//
// which is a convolution with the weights Scale[k]·w and the bias
// Scale[k]·bias + Shift[k]. The gradient by w is Scale[k] times the one by those.
type FrozenNorm struct {
	Scale, Shift []float32 // (K)
}

// fold returns the convolution's weights (K,…) and bias (K) with the
// normalisation in them, in the memory of room; bias may be nil.
func (f *FrozenNorm) fold(d *cpu.Device, room, w, bias []float32) (foldedW, foldedBias []float32) {
	foldedW, foldedBias = room[:len(w)], room[len(w):][:len(f.Shift)]
	f.scale(d, foldedW, w)
	copy(foldedBias, f.Shift)
	for k, b := range bias {
		foldedBias[k] += f.Scale[k] * b
	}
	return foldedW, foldedBias
}

// scale sets dst (K,…) to Scale[k] times x; both may be the same.
func (f *FrozenNorm) scale(d *cpu.Device, dst, x []float32) {
	row := len(x) / len(f.Scale)
	rows(d, len(f.Scale), row, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			s, dst, x := f.Scale[k], dst[k*row:][:row], x[k*row:][:row]
			for i, v := range x {
				dst[i] = s * v
			}
		}
	})
}
