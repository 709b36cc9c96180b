package finetune

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/internal/augment"
)

// mix mixes each item of a batch, which begins at lo of the epoch's order, with
// another of it: x becomes s·x + (1−s)·x[permuted], s drawn once a batch from
// Beta(α, α) (Zhang et al., mixup, ICLR 2018, algorithm 1). The loss is mixed
// alike. What is drawn depends on seed, epoch and place alone.
func (t *trainer) mix(x []float32, labels []int, epoch, lo int) heads.Mix {
	m := heads.Mix{Share: 1}
	if t.o.Mixup <= 0 {
		return m
	}
	r := augment.Random(t.o.Seed, fmt.Sprint("mixup ", lo), epoch)
	m.Share = distuv.Beta{Alpha: t.o.Mixup, Beta: t.o.Mixup, Src: r}.Rand()
	if math.IsNaN(m.Share) { // 0/0 for a small α, of which the limit is a coin
		m.Share = float64(r.IntN(2))
	}
	row := len(x) / len(labels)
	from, s := slices.Clone(x), float32(m.Share)
	for i, k := range r.Perm(len(labels)) {
		m.Others = append(m.Others, labels[k])
		for j, v := range from[k*row:][:row] {
			x[i*row+j] = s*x[i*row+j] + (1-s)*v
		}
	}
	return m
}
