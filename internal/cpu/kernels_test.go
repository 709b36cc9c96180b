package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Shapes seldom need the small tiles: here is each of them.
func TestTilesMatchPortable(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	for _, k := range available() {
		for rows := 1; rows <= k.rows; rows++ {
			checkTile(t, r, fmt.Sprint(k.name, " tile ", rows), k.tiles[rows], rows, k.cols)
		}
		checkTile(t, r, k.name+" row", k.row, 1, k.rowCols)
	}
}

// checkTile compares a kernel with the portable loop, with and without bias
// and addend.
func checkTile(t *testing.T, r *rand.Rand, name string, kernel func(*tileArgs), rows, cols int) {
	for i, depth := range []int{0, 1, 2, 19} {
		want := tileArgs{a: random(r, rows*depth+rows), b: random(r, (depth+1)*(cols+3)), k: depth,
			ai: 1, al: rows, bl: cols + 3, ci: cols + 5, lo: -1.5, hi: 2}
		if i%2 > 0 {
			want.bias, want.add = random(r, rows), random(r, rows*want.ci)
		}
		got := want
		want.c = make([]float32, rows*want.ci)
		c, check := guarded(len(want.c))
		clear(c)
		got.c = c
		tilePortable(&want, rows, cols)
		kernel(&got)
		for _, err := range []error{near(name, c, wide(want.c), depth+1), check(name)} {
			if err != nil {
				t.Errorf("depth %d: %v", depth, err)
			}
		}
	}
}
