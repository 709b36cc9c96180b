package cpu

// ConvGradInput computes the gradient by the input, dx (N,C,H,W), from dy
// (N,K,OH,OW) and the weights w (K,C/Groups,R,S). It overwrites dx.
//
//	dx[n,c,h,v] = Σ over k,r,s,p,q with h = p·StrideH-PadTop+r·DilationH and
//	    v = q·StrideW-PadLeft+s·DilationW of w[k,c,r,s] · dy[n,k,p,q]
func (d *Device) ConvGradInput(s ConvShape, dx, dy, w []float32) {
	cg, kg := s.C/s.Groups, s.K/s.Groups
	d.Parallel(s.N*s.C, func(i int) {
		n, c := i/s.C, i%s.C
		plane := dx[i*s.H*s.W:][:s.H*s.W]
		clear(plane)
		g := c / cg
		for k := g * kg; k < (g+1)*kg; k++ {
			s.eachTap(func(r, t, h, v, p, q int) {
				plane[h*s.W+v] += w[((k*cg+c%cg)*s.R+r)*s.S+t] * dy[((n*s.K+k)*s.OH+p)*s.OW+q]
			})
		}
	})
}

// ConvGradWeight computes the gradients by the weights, dw (K,C/Groups,R,S),
// and by the bias, dbias (K), which may be nil, from dy (N,K,OH,OW) and x
// (N,C,H,W). It overwrites both.
//
//	dw[k,c,r,s] = Σ over n,p,q of dy[n,k,p,q] ·
//	    x[n, g·C/G+c, p·StrideH-PadTop+r·DilationH, q·StrideW-PadLeft+s·DilationW]
//	dbias[k] = Σ over n,p,q of dy[n,k,p,q]
func (d *Device) ConvGradWeight(s ConvShape, dw, dbias, dy, x []float32) {
	cg, kg := s.C/s.Groups, s.K/s.Groups
	d.Parallel(s.K, func(k int) {
		wk := dw[k*cg*s.R*s.S:][:cg*s.R*s.S]
		clear(wk)
		var sum float32
		for n := range s.N {
			dyk := dy[(n*s.K+k)*s.OH*s.OW:][:s.OH*s.OW]
			for _, v := range dyk {
				sum += v
			}
			for c := range cg {
				plane := x[(n*s.C+k/kg*cg+c)*s.H*s.W:][:s.H*s.W]
				s.eachTap(func(r, t, h, v, p, q int) {
					wk[(c*s.R+r)*s.S+t] += dyk[p*s.OW+q] * plane[h*s.W+v]
				})
			}
		}
		if dbias != nil {
			dbias[k] = sum
		}
	})
}

// eachTap calls f for every weight position (r,t) and output pixel (p,q) whose
// input pixel (h,v) lies inside the image.
func (s *ConvShape) eachTap(f func(r, t, h, v, p, q int)) {
	for r := range s.R {
		for t := range s.S {
			for p := range s.OH {
				h := p*s.StrideH - s.PadTop + r*s.DilationH
				if h < 0 || h >= s.H {
					continue
				}
				for q := range s.OW {
					v := q*s.StrideW - s.PadLeft + t*s.DilationW
					if v >= 0 && v < s.W {
						f(r, t, h, v, p, q)
					}
				}
			}
		}
	}
}
