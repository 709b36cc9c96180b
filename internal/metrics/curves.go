package metrics

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
)

// ROCPoint is what one threshold gives: the false positive rate
// (1 − specificity) and the true positive rate (sensitivity).
type ROCPoint struct {
	Threshold, FPR, TPR float64
}

// MarshalJSON writes {"threshold":…,"fpr":…,"tpr":…}; an infinite threshold is null.
func (p ROCPoint) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]number{
		"threshold": number(p.Threshold), "fpr": number(p.FPR), "tpr": number(p.TPR)})
}

// PRPoint is what one threshold gives: recall (sensitivity) and precision.
type PRPoint struct {
	Threshold float64 `json:"threshold"`
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
}

// ROC returns the curve from (0,0), at threshold +Inf, to (1,1), one point a
// distinct score: scikit-learn's roc_curve with drop_intermediate=False. It is
// nil when only one class is there.
func ROC(scores []float64, labels []bool) []ROCPoint {
	r := rank(scores, labels, nil)
	if r.positives == 0 || r.positives == len(scores) {
		return nil
	}
	p, n := float64(r.positives), float64(len(scores)-r.positives)
	out := []ROCPoint{{Threshold: math.Inf(1)}}
	r.walk(nil, func(i, tp, fp int) {
		out = append(out, ROCPoint{r.scores[i], float64(fp) / n, float64(tp) / p})
	})
	return out
}

// PR returns the precision-recall curve, one point a distinct score, highest
// score first. It is nil without a positive image.
func PR(scores []float64, labels []bool) []PRPoint {
	r := rank(scores, labels, nil)
	if r.positives == 0 {
		return nil
	}
	var out []PRPoint
	r.walk(nil, func(i, tp, fp int) {
		out = append(out, PRPoint{r.scores[i], ratio(tp, r.positives), ratio(tp, tp+fp)})
	})
	return out
}

// AUC is the area under the ROC curve: the chance that a positive image
// scores higher than a negative one, ties counting half. NaN when only one
// class is there.
func AUC(scores []float64, labels []bool) float64 {
	auc, _ := rank(scores, labels, nil).areas(nil)
	return auc
}

// AveragePrecision is Σ (R_k − R_{k−1})·P_k over the distinct scores, highest
// first: scikit-learn's definition, without interpolation. NaN without a
// positive image.
func AveragePrecision(scores []float64, labels []bool) float64 {
	_, ap := rank(scores, labels, nil).areas(nil)
	return ap
}

// ranking holds the images by falling score, ready for many weighted passes.
type ranking struct {
	scores    []float64 // (n) falling
	labels    []bool    // (n)
	group     []int32   // (n) group of each image
	last      []bool    // (n) true where a run of equal scores ends
	positives int
}

// rank sorts; group is the group of each image, nil for none.
func rank(scores []float64, labels []bool, group []int32) *ranking {
	n := len(scores)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	r := &ranking{scores: make([]float64, n), labels: make([]bool, n), group: make([]int32, n), last: make([]bool, n)}
	for k, i := range order {
		r.scores[k], r.labels[k] = scores[i], labels[i]
		if group != nil {
			r.group[k] = group[i]
		}
		if labels[i] {
			r.positives++
		}
		if k > 0 {
			r.last[k-1] = r.scores[k-1] != r.scores[k]
		}
	}
	if n > 0 {
		r.last[n-1] = true
	}
	return r
}

// walk calls f at the end of each run of equal scores with the positives and
// negatives so far. weight is how often each group counts; nil: once.
func (r *ranking) walk(weight []int32, f func(i, tp, fp int)) {
	tp, fp := 0, 0
	for i, positive := range r.labels {
		w := 1
		if weight != nil {
			w = int(weight[r.group[i]])
		}
		if positive {
			tp += w
		} else {
			fp += w
		}
		if r.last[i] {
			f(i, tp, fp)
		}
	}
}

// areas returns ROC AUC and average precision; weight as in walk.
func (r *ranking) areas(weight []int32) (auc, ap float64) {
	var area, sum float64 // area in units of positives × negatives
	tp0, fp0 := 0, 0
	r.walk(weight, func(_, tp, fp int) {
		area += float64(fp-fp0) * float64(tp+tp0) / 2
		if tp > tp0 {
			sum += float64(tp-tp0) * float64(tp) / float64(tp+fp)
		}
		tp0, fp0 = tp, fp
	})
	auc, ap = math.NaN(), math.NaN()
	if tp0 > 0 {
		ap = sum / float64(tp0)
		if fp0 > 0 {
			auc = area / (float64(tp0) * float64(fp0))
		}
	}
	return auc, ap
}
