package cpu

// GemmEpilogue is what Gemm adds to the product.
type GemmEpilogue struct {
	Bias       []float32 // (n), added to every row, or nil
	Accumulate bool      // add to what c holds instead of overwriting it
}

// Gemm computes C (m,n) from A and B, all in row order:
//
//	c[i,j] = bias[j] + Σ over l of opA[i,l] · opB[l,j]    (+ c[i,j] if Accumulate)
//
// opA (m,k) is a, or with transA the transpose of a (k,m); opB (k,n) is b, or
// with transB the transpose of b (n,k).
func (d *Device) Gemm(transA, transB bool, m, n, k int, c, a, b []float32, e GemmEpilogue) {
	ai, al, bl, bj := k, 1, n, 1
	if transA {
		ai, al = 1, m
	}
	if transB {
		bl, bj = 1, k
	}
	d.Parallel(m, func(i int) {
		for j := range n {
			var sum float32
			for l := range k {
				sum += a[i*ai+l*al] * b[l*bl+j*bj]
			}
			if e.Bias != nil {
				sum += e.Bias[j]
			}
			if e.Accumulate {
				sum += c[i*n+j]
			}
			c[i*n+j] = sum
		}
	})
}
