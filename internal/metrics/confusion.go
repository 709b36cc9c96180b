package metrics

import "math"

// Confusion counts images by truth and call: TP and FN are positive images
// called positive and negative, TN and FP negative images.
type Confusion struct {
	TP int `json:"tp"`
	FP int `json:"fp"`
	TN int `json:"tn"`
	FN int `json:"fn"`
}

// Count calls each image with score ≥ threshold positive and counts.
func Count(scores []float64, labels []bool, threshold float64) Confusion {
	var c Confusion
	for i, p := range scores {
		c.add(p >= threshold, labels[i], 1)
	}
	return c
}

func (c *Confusion) add(called, truth bool, weight int) {
	switch {
	case called && truth:
		c.TP += weight
	case called:
		c.FP += weight
	case truth:
		c.FN += weight
	default:
		c.TN += weight
	}
}

// addTimes adds weight times the counts of d.
func (c *Confusion) addTimes(d Confusion, weight int) {
	c.TP += weight * d.TP
	c.FP += weight * d.FP
	c.TN += weight * d.TN
	c.FN += weight * d.FN
}

// Images is the number of images counted.
func (c Confusion) Images() int { return c.TP + c.FP + c.TN + c.FN }

// Positives is the number of images of the positive class.
func (c Confusion) Positives() int { return c.TP + c.FN }

// Negatives is the number of images of the negative class.
func (c Confusion) Negatives() int { return c.TN + c.FP }

// Called is the number of images called positive.
func (c Confusion) Called() int { return c.TP + c.FP }

// Accuracy is the share of right calls, (TP+TN)/n.
func (c Confusion) Accuracy() float64 { return ratio(c.TP+c.TN, c.Images()) }

// Sensitivity (recall) is TP/(TP+FN), NaN without a positive image.
func (c Confusion) Sensitivity() float64 { return ratio(c.TP, c.Positives()) }

// Specificity is TN/(TN+FP), NaN without a negative image.
func (c Confusion) Specificity() float64 { return ratio(c.TN, c.Negatives()) }

// BalancedAccuracy is the mean of sensitivity and specificity.
func (c Confusion) BalancedAccuracy() float64 { return (c.Sensitivity() + c.Specificity()) / 2 }

// Precision is TP/(TP+FP), NaN when no image is called positive.
func (c Confusion) Precision() float64 { return ratio(c.TP, c.Called()) }

// F1 is 2TP/(2TP+FP+FN), NaN when no image is positive nor called so.
func (c Confusion) F1() float64 { return ratio(2*c.TP, 2*c.TP+c.FP+c.FN) }

// MCC is Matthews' correlation of truth and call, −1…1. It is 0 when every
// call is the same, as in scikit-learn, and NaN when only one class is there.
func (c Confusion) MCC() float64 {
	if c.Positives() == 0 || c.Negatives() == 0 {
		return math.NaN()
	}
	tp, fp, tn, fn := float64(c.TP), float64(c.FP), float64(c.TN), float64(c.FN)
	d := math.Sqrt(tp+fp) * math.Sqrt(tp+fn) * math.Sqrt(tn+fp) * math.Sqrt(tn+fn)
	if d == 0 {
		return 0
	}
	return (tp*tn - fp*fn) / d
}
