//go:build oracle

package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// TestAgainstScikitLearn asks scikit-learn about random samples, half of them
// with many ties, plain and as a bootstrap draw weighs them.
func TestOracleScikitLearn(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var cases []reference
	for k := range 60 {
		n := 2 + r.IntN(400)
		c := reference{Kind: "binary", Threshold: r.Float64(), Scores: make([]float64, n)}
		labels := make([]bool, n)
		share := r.Float64()
		for i := range n {
			labels[i] = r.Float64() < share
			z := r.NormFloat64()
			if labels[i] {
				z++
			}
			c.Scores[i] = 1 / (1 + math.Exp(-2*z))
			if k%2 == 0 {
				c.Scores[i] = math.Round(c.Scores[i]*20) / 20
			}
		}
		c.Labels = encode(t, labels)
		cases = append(cases, c)
		c.Weights = make([]int32, n)
		draw(c.Weights, uint64(k), 3)
		cases = append(cases, c)
	}
	for k := 3; k < 8; k++ {
		cases = append(cases, randomMulti(t, r, k))
	}
	for range 30 {
		cases = append(cases, reference{Kind: "mcnemar", OnlyA: 1 + r.IntN(300), OnlyB: r.IntN(300)})
	}
	file := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(file, encode(t, cases), 0o600); err != nil {
		t.Fatal(err)
	}
	checkReferences(t, testkit.Python(t, "metrics_reference.py", file))
}

func randomMulti(t *testing.T, r *rand.Rand, k int) reference {
	n := 50 * k
	c := reference{Kind: "multi"}
	labels := make([]int, n)
	for j := range k {
		c.Classes = append(c.Classes, fmt.Sprint("c", j))
	}
	for i := range n {
		labels[i] = r.IntN(k)
		row, sum := make([]float64, k), 0.0
		for j := range row {
			row[j] = math.Exp(math.Round(2 * r.NormFloat64()))
			if j == labels[i] {
				row[j] *= math.E
			}
			sum += row[j]
		}
		for j := range row {
			c.Probs = append(c.Probs, row[j]/sum)
		}
	}
	c.Labels = encode(t, labels)
	return c
}

func encode(t *testing.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
