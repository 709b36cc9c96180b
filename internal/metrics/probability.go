package metrics

import "math"

// epsilon keeps log loss finite: scikit-learn clips probabilities by the
// machine epsilon of float64.
const epsilon = 0x1p-52

// Brier is the mean of (score − truth)², 0 best. NaN without images.
func Brier(scores []float64, labels []bool) float64 {
	var sum float64
	for i, p := range scores {
		sum += squaredError(p, labels[i])
	}
	return sum / float64(len(scores))
}

// LogLoss is the mean of −ln(probability given to the truth), 0 best,
// probabilities clipped to [ε, 1−ε]. NaN without images.
func LogLoss(scores []float64, labels []bool) float64 {
	var sum float64
	for i, p := range scores {
		sum += surprise(p, labels[i])
	}
	return sum / float64(len(scores))
}

func squaredError(p float64, label bool) float64 {
	if label {
		p = 1 - p
	}
	return p * p
}

func surprise(p float64, label bool) float64 {
	if !label {
		p = 1 - p
	}
	return -math.Log(min(max(p, epsilon), 1-epsilon))
}

// Bin is one bar of a reliability plot.
type Bin struct {
	Low       float64 `json:"low"`  // scores of the bin: Low < score ≤ High;
	High      float64 `json:"high"` // the first bin also holds score 0
	Images    int     `json:"images"`
	MeanScore float64 `json:"mean_score"`
	Positive  float64 `json:"positive"` // share of positive images
}

// Reliability sorts the scores into bins of equal width and returns those
// that are not empty, as scikit-learn's calibration_curve does. bins ≤ 0: 10.
func Reliability(scores []float64, labels []bool, bins int) []Bin {
	if bins <= 0 {
		bins = 10
	}
	all := make([]Bin, bins)
	for i, p := range scores {
		k := min(max(int(math.Ceil(p*float64(bins)))-1, 0), bins-1)
		b := &all[k]
		b.Images++
		b.MeanScore += p
		if labels[i] {
			b.Positive++
		}
	}
	var out []Bin
	for k, b := range all {
		if b.Images == 0 {
			continue
		}
		b.Low, b.High = float64(k)/float64(bins), float64(k+1)/float64(bins)
		b.MeanScore /= float64(b.Images)
		b.Positive /= float64(b.Images)
		out = append(out, b)
	}
	return out
}

// CalibrationError is the mean of |mean score − share of positives| over the
// bins, weighted by their images (ECE). NaN without bins.
func CalibrationError(bins []Bin) float64 {
	n, sum := 0, 0.0
	for _, b := range bins {
		n += b.Images
		sum += float64(b.Images) * math.Abs(b.MeanScore-b.Positive)
	}
	return sum / float64(n)
}
