package metrics

// LabelErrors estimates by confident learning which labels are wrong: probs
// (n,K) are probabilities of models that did not learn from the images, labels
// (n) are classes 0…K-1. It returns, for each image, the class that it is
// counted as, which is its label where nothing speaks against that.
//
// An image is counted as class j where its probability of j is at least the
// mean probability of j over the images labelled j, the most probable such
// class first; images that reach no class's mean keep their label. Classes
// without images are never counted. Northcutt, Jiang, Chuang: Confident
// Learning, JAIR 70 (2021), equation 1; this is its count of the confident
// joint, without the calibration to shares.
func LabelErrors(probs [][]float64, labels []int) []int {
	if len(probs) == 0 {
		return nil
	}
	classes := len(probs[0])
	mean, count := make([]float64, classes), make([]float64, classes)
	for i, p := range probs {
		mean[labels[i]] += p[labels[i]]
		count[labels[i]]++
	}
	out := make([]int, len(labels))
	for i, p := range probs {
		out[i] = labels[i]
		best := -1
		for j := range classes {
			if count[j] > 0 && p[j] >= mean[j]/count[j] && (best < 0 || p[j] > p[best]) {
				best = j
			}
		}
		if best >= 0 {
			out[i] = best
		}
	}
	return out
}
