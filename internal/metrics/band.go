package metrics

import "math"

// BandPoint is the interval of the sensitivity at one false positive rate.
type BandPoint struct {
	FPR, Low, High float64
}

// ROCBand returns the pointwise interval of the ROC curve at points+1 equally
// spaced false positive rates (points ≤ 0: 100), from the same draws as
// Evaluate. It is nil when there is nothing to draw or only one class.
func ROCBand(s Sample, points int, o Options) []BandPoint {
	if points <= 0 {
		points = 100
	}
	o = o.withDefaults()
	e := newEvaluator(s, 0, o)
	if o.Draws == 0 || e.units < 2 || ROC(s.Scores, s.Labels) == nil {
		return nil
	}
	rates := make([][]float64, points+1) // (points+1, B)
	for i := range rates {
		rates[i] = make([]float64, o.Draws)
	}
	bootstrap(e.units, o, func(b int, weight []int32) {
		for i, tpr := range e.ranking.sensitivities(points, weight) {
			rates[i][b] = tpr
		}
	})
	band := make([]BandPoint, points+1)
	for i, r := range rates {
		low, high := interval(r, o.Level)
		band[i] = BandPoint{float64(i) / float64(points), low, high}
	}
	return band
}

// sensitivities returns the sensitivity at the false positive rates
// 0, 1/points, …, 1, between thresholds by linear interpolation; where the
// curve rises straight up, its upper end. All NaN when a class is missing.
func (r *ranking) sensitivities(points int, weight []int32) []float64 {
	out := make([]float64, points+1)
	p, n := 0, 0
	r.walk(weight, func(_, tp, fp int) { p, n = tp, fp })
	if p == 0 || n == 0 {
		for i := range out {
			out[i] = math.NaN()
		}
		return out
	}
	next := 0 // first point not yet reached
	x0, y0 := 0.0, 0.0
	r.walk(weight, func(_, tp, fp int) {
		x, y := float64(fp)/float64(n), float64(tp)/float64(p)
		for next <= points && float64(next)/float64(points) < x {
			at := float64(next) / float64(points)
			out[next] = y0 + (y-y0)*(at-x0)/(x-x0)
			next++
		}
		x0, y0 = x, y
	})
	for ; next <= points; next++ {
		out[next] = 1
	}
	return out
}
