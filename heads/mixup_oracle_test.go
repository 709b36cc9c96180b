//go:build oracle

package heads

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// mixCases are networks that train on mixtures.
var mixCases = []trainCase{
	{name: "head", spec: Spec{Input: []int{6, 3, 3}, Seed: 3}, o: TrainOptions{Batch: 16}, rate: 0.01},
	{name: "head, hidden, four classes", spec: Spec{Input: []int{20}, Hidden: 9, Classes: 4, Seed: 6}, o: TrainOptions{Batch: 16}, rate: 0.01},
	{name: "head weighted adamw, in parts", spec: Spec{Input: []int{40}, Seed: 4}, o: TrainOptions{Batch: 15, Accumulate: 4, Optimiser: "adamw", WeightDecay: 0.1, ClassWeights: []float64{1, 3}}, rate: 0.01},
	{name: "baseline", spec: Spec{Model: "baseline", Input: []int{3, 16, 16}, Dropout: -1, Seed: 1}, o: TrainOptions{Batch: 8}, rate: 1e-3},
}

// TestOracleMixup gives torch the items, their partners and the shares: it
// mixes items and losses by itself.
func TestOracleMixup(t *testing.T) {
	for _, c := range mixCases {
		c.o.Mixup = true
		dir := t.TempDir()
		h, tr, x, labels := c.start(t)
		writeCase(t, dir, c, h, x, labels)
		r := rand.New(rand.NewPCG(c.spec.Seed, 4))
		n, size := c.o.Batch, h.InputSize()
		shares, partners := tensor.New(trainSteps), tensor.New(len(labels)) // of a batch; of an item, its place in the batch
		for i := range shares.Data {
			shares.Data[i] = r.Float32()
			for j, k := range r.Perm(n) {
				partners.Data[i*n+j] = float32(k)
			}
		}
		shares.Data[1], shares.Data[2] = 1, 0 // all of the one, all of the other
		testkit.WriteNPY(t, filepath.Join(dir, "shares.npy"), shares)
		testkit.WriteNPY(t, filepath.Join(dir, "partners.npy"), partners)
		var want, got []float64
		if err := json.Unmarshal(testkit.Python(t, "heads_train.py", dir), &want); err != nil {
			t.Fatal(err)
		}
		for i, s := range shares.Data {
			from, first := x[i*n*size:][:n*size], labels[i*n:][:n]
			mixed, others := make([]float32, n*size), make([]int, n)
			for j := range n {
				k := int(partners.Data[i*n+j])
				others[j] = first[k]
				for p := range size {
					mixed[j*size+p] = s*from[j*size+p] + (1-s)*from[k*size+p]
				}
			}
			loss, err := tr.StepMixed(mixed, first, Mix{Others: others, Share: float64(s)}, n, c.rate)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, loss)
		}
		compareLosses(t, c.name, got, want)
		for _, p := range h.Params() {
			testkit.Compare(t, c.name+": trained "+p.Name, p.Data, testkit.ReadNPY(t, file(dir, p.Name, ".trained")).Data, testkit.Tolerance(1e-3))
		}
	}
}
