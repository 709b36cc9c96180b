package finetune

import "math"

// schedule is the learning rate over the steps of a run: a linear warm-up, then
// constant, or the half cosine of Loshchilov and Hutter (2017, SGDR, eq. 5
// without restarts) down to zero.
type schedule struct {
	rate          float64 // peak learning rate
	warmup, total int     // steps
	cosine        bool
}

// at returns the learning rate of step 0, 1, ….
func (s schedule) at(step int) float64 {
	if step < s.warmup {
		return s.rate * float64(step+1) / float64(s.warmup+1)
	}
	if !s.cosine {
		return s.rate
	}
	done := float64(step-s.warmup) / float64(max(1, s.total-s.warmup))
	return s.rate * 0.5 * (1 + math.Cos(math.Pi*min(1, done)))
}
