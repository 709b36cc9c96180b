package cpu

// The matrices of Winograd's minimal filtering F(m×m,3×3), a = m+2: for a tile
// of a×a inputs d and a 3×3 filter g, the m×m outputs are
//
//	Aᵀ · [(G·g·Gᵀ) ⊙ (Bᵀ·d·B)] · A
//
// with (m+2)² products where the plain loop has 9·m². They are those of Lavin
// and Gray, "Fast algorithms for convolutional neural networks" (2016), at the
// points 0, ±1 (m = 2), and ±2 (m = 4), and 1/2 (m = 5) or ±1/2 (m = 6), and
// infinity.
type winogradMatrices struct {
	bt [][]float32 // (a,a)
	g  [][]float64 // (a,3)
	at [][]float32 // (m,a)
}

// winogradTiles are the m that exist.
var winogradTiles = []int{2, 4, 5, 6}

// winograds by m.
var winograds = [7]winogradMatrices{
	2: {
		bt: [][]float32{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
		g:  [][]float64{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}},
		at: [][]float32{{1, 1, 1, 0}, {0, 1, -1, 1}},
	},
	4: {
		bt: [][]float32{
			{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
			{0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}},
		g: [][]float64{
			{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
			{1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}},
		at: [][]float32{{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}},
	},
	5: {
		bt: [][]float32{
			{-2, 4, 2.5, -5, -.5, 1, 0}, {0, 2, -2, -4.5, .5, 1, 0}, {0, -2, 6, -3.5, -1.5, 1, 0},
			{0, 1, -1.5, -2, 1.5, 1, 0}, {0, -1, 2.5, 0, -2.5, 1, 0}, {0, 4, 0, -5, 0, 1, 0}, {0, -2, 4, 2.5, -5, -.5, 1}},
		g: [][]float64{
			{-1. / 2, 0, 0}, {-1. / 3, -1. / 3, -1. / 3}, {1. / 9, -1. / 9, 1. / 9}, {1. / 36, 1. / 18, 1. / 9},
			{-1. / 60, 1. / 30, -1. / 15}, {32. / 45, 16. / 45, 8. / 45}, {0, 0, 1}},
		at: [][]float32{
			{1, 1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, .5, 0}, {0, 1, 1, 4, 4, .25, 0},
			{0, 1, -1, 8, -8, .125, 0}, {0, 1, 1, 16, 16, .0625, 1}},
	},
	6: {
		bt: [][]float32{
			{1, 0, -5.25, 0, 5.25, 0, -1, 0}, {0, 1, 1, -4.25, -4.25, 1, 1, 0}, {0, -1, 1, 4.25, -4.25, -1, 1, 0},
			{0, .5, .25, -2.5, -1.25, 2, 1, 0}, {0, -.5, .25, 2.5, -1.25, -2, 1, 0},
			{0, 2, 4, -2.5, -5, .5, 1, 0}, {0, -2, 4, 2.5, -5, -.5, 1, 0}, {0, -1, 0, 5.25, 0, -5.25, 0, 1}},
		g: [][]float64{
			{1, 0, 0}, {-2. / 9, -2. / 9, -2. / 9}, {-2. / 9, 2. / 9, -2. / 9}, {1. / 90, 1. / 45, 2. / 45},
			{1. / 90, -1. / 45, 2. / 45}, {1. / 45, 1. / 90, 1. / 180}, {1. / 45, -1. / 90, 1. / 180}, {0, 0, 1}},
		at: [][]float32{
			{1, 1, 1, 1, 1, 32, 32, 0}, {0, 1, -1, 2, -2, 16, -16, 0}, {0, 1, 1, 4, 4, 8, 8, 0},
			{0, 1, -1, 8, -8, 4, -4, 0}, {0, 1, 1, 16, 16, 2, 2, 0}, {0, 1, -1, 32, -32, 1, -1, 1}},
	},
}

// winogradFactors are the absolute factors of bt and at but 0 and 1, in the
// order of the assembly's table.
var winogradFactors = []float32{.0625, .125, .25, .5, 1.25, 2, 2.5, 4, 4.25, 5, 5.25, 8, 16, 32}

// winogradConsts holds each factor in all lanes of a vector.
func winogradConsts(lanes int) (table []float32) {
	for _, f := range winogradFactors {
		for range lanes {
			table = append(table, f)
		}
	}
	return table
}
