package augment

// turn sets dst to src (3,S,S) mirrored left to right, if flip, and then turned
// by quarter turns anticlockwise: np.rot90(np.fliplr(src), turns). Pixels are
// only moved, so it is exact. dst must not be src.
func turn(dst, src []float32, size int, flip bool, turns int) {
	from := func(y, x int) int { // the place in src that lands at (y,x)
		for range turns {
			y, x = x, size-1-y
		}
		if flip {
			x = size - 1 - x
		}
		return y*size + x
	}
	first := from(0, 0)
	down, right := from(1, 0)-first, from(0, 1)-first
	if size == 1 {
		down, right = 0, 0
	}
	for c := range 3 {
		plane := src[c*size*size:][:size*size]
		for y := range size {
			row := dst[(c*size+y)*size:][:size]
			at := first + y*down
			for x := range row {
				row[x] = plane[at]
				at += right
			}
		}
	}
}
