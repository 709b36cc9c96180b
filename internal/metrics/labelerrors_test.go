package metrics

import (
	"slices"
	"testing"
)

// By hand: means are 0.7 of class 0 (0.9, 0.8, 0.4) and 0.6 of class 1 (0.9,
// 0.7, 0.2), so the third image is counted as class 1 and the last as class 0.
func TestLabelErrors(t *testing.T) {
	probs := [][]float64{{0.9, 0.1}, {0.8, 0.2}, {0.4, 0.6}, {0.1, 0.9}, {0.3, 0.7}, {0.8, 0.2}}
	labels := []int{0, 0, 0, 1, 1, 1}
	if got, want := LabelErrors(probs, labels), []int{0, 0, 1, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, wanted %v", got, want)
	}
	// Unsure images keep their label; a class without images is never counted.
	if got := LabelErrors([][]float64{{0.5, 0.3, 0.2}, {0.6, 0.2, 0.2}, {0.1, 0.1, 0.8}}, []int{0, 0, 0}); !slices.Equal(got, []int{0, 0, 0}) {
		t.Errorf("%v", got)
	}
	if LabelErrors(nil, nil) != nil {
		t.Error("something from nothing")
	}
}
