package augment

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// stain is how the amounts of three dyes change: amount·(1+gain) + offset, in
// natural units of optical density.
type stain struct{ gain, offset [3]float64 }

// dyes are the colours that haematoxylin, eosin and DAB absorb, one a row (R,
// G, B): Ruifrok and Johnston (2001), Quantification of histochemical staining
// by color deconvolution. Giemsa's azure and eosin are other dyes of the same
// blue and red; here the rows only say along which axes colours may move.
var dyes = mat.NewDense(3, 3, []float64{
	.65, .70, .29,
	.07, .99, .11,
	.27, .57, .78,
})

// unmix is the inverse of dyes: amounts = densities · unmix.
var unmix = func() *mat.Dense {
	var m mat.Dense
	if err := m.Inverse(dyes); err != nil {
		panic("augment: dyes: " + err.Error()) // a constant matrix
	}
	return &m
}()

// restain changes how strongly the pixels of x (3,S,S) are stained: the colour
// augmentation of Tellez et al. (2018), Whole-slide mitosis detection in H&E
// breast histology, section III.C, with gain and offset from -σ to σ.
//
//	density_c = -ln(v_c / 255)             of levels from 1
//	amount    = density · dyes⁻¹
//	density'  = (amount·(1+gain) + offset) · dyes
//	v'_c      = 255·exp(-density'_c) = v_c·exp(density_c - density'_c)
//
// By the last form black stays black, and no change is exact.
func restain(x []float32, s stain) {
	slope, constant := s.change()
	r, g, b := planes(x)
	for i := range r {
		dr, dg, db := density(r[i]), density(g[i]), density(b[i])
		r[i] = level(r[i] * exp(-(slope[0][0]*dr + slope[1][0]*dg + slope[2][0]*db + constant[0])))
		g[i] = level(g[i] * exp(-(slope[0][1]*dr + slope[1][1]*dg + slope[2][1]*db + constant[1])))
		b[i] = level(b[i] * exp(-(slope[0][2]*dr + slope[1][2]*dg + slope[2][2]*db + constant[2])))
	}
}

// perLevel is how many entries densities has a level.
const perLevel = 128

// densities are -ln(v/255) at v = 0, 1/128, …, 255; below 1 as at 1. Straight
// lines between them are off by (1/128)²/8 = 8e-6 at most, at level 1, which the
// strongest stain turns into .003 of a level.
var densities = func() (t [255*perLevel + 2]float32) {
	for i := range t {
		t[i] = float32(-math.Log(max(float64(i)/perLevel, 1) / 255))
	}
	return t
}()

// density is the natural optical density of a level from 0 to 255.
func density(v float32) float32 {
	at := v * perLevel
	i := int(at)
	return densities[i] + (at-float32(i))*(densities[i+1]-densities[i])
}

// exp is e to the x, within (4 + |x|)·2⁻²⁴ of it: Taylor's series to the sixth
// power of what is left of x beside whole powers of two.
func exp(x float32) float32 {
	if x < -80 || x > 80 { // 2 to the power would overflow
		return float32(math.Exp(float64(x)))
	}
	powers := int32(x*math.Log2E+128.5) - 128
	x -= float32(powers) * math.Ln2
	sum := 1 + x*(1+x*(1./2+x*(1./6+x*(1./24+x*(1./120+x*(1./720))))))
	return sum * math.Float32frombits(uint32(127+powers)<<23)
}

// change returns s as a change of the densities: density · slope + constant.
func (s stain) change() (slope [3][3]float32, constant [3]float32) {
	var m, c mat.Dense
	m.Product(unmix, mat.NewDiagDense(3, s.gain[:]), dyes)
	c.Mul(mat.NewDense(1, 3, s.offset[:]), dyes)
	for i := range 3 {
		constant[i] = float32(c.At(0, i))
		for j := range 3 {
			slope[i][j] = float32(m.At(i, j))
		}
	}
	return slope, constant
}
