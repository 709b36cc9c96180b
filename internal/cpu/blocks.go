package cpu

// Blocks are feature maps in channel blocks: (⌈C/L⌉, N, H, W, L), L lanes. A
// pixel of a block is one vector, so that every kernel works lane by lane, and
// a 1×1 convolution sees the pixels of all images as one row. Lanes beyond
// channel C hold finite numbers that nobody reads.
type Blocks struct {
	Data       []float32 // block b of image n begins at b·Stride + n·H·W·L
	N, C, H, W int
	Lanes      int
	Stride     int // float32 numbers from one block to the next
}

// BlocksSize is the number of float32 that maps of this shape take.
func (d *Device) BlocksSize(n, c, h, w int) int {
	return ceilDiv(c, d.Lanes()) * n * h * w * d.Lanes()
}

// Lanes is the number of channels in a block.
func (d *Device) Lanes() int { return d.k.blockLanes() }

// Blocks views data as dense maps of that shape.
func (d *Device) Blocks(data []float32, n, c, h, w int) Blocks {
	l := d.Lanes()
	return Blocks{data[:d.BlocksSize(n, c, h, w)], n, c, h, w, l, n * h * w * l}
}

// Images is the view of n images from lo on.
func (b Blocks) Images(lo, n int) Blocks {
	b.Data, b.N = b.Data[lo*b.H*b.W*b.Lanes:], n
	return b
}

// Channels is the view of c channels from lo on, a multiple of the lanes.
func (b Blocks) Channels(lo, c int) Blocks {
	b.Data, b.C = b.Data[lo/b.Lanes*b.Stride:], c
	return b
}

// count is the number of blocks.
func (b *Blocks) count() int { return ceilDiv(b.C, b.Lanes) }

// pixels is the number of pixels of all images.
func (b *Blocks) pixels() int { return b.N * b.H * b.W }

// ToBlocks sets y to x (N,C,H,W).
func (d *Device) ToBlocks(y Blocks, x []float32) {
	d.turn = turnTask{y, x[:y.C*y.pixels()], true}
	d.team.run(y.count()*y.N, &d.turn)
	d.turn = turnTask{}
}

// FromBlocks sets y (N,C,H,W) to x.
func (d *Device) FromBlocks(y []float32, x Blocks) {
	d.turn = turnTask{x, y[:x.C*x.pixels()], false}
	d.team.run(x.count()*x.N, &d.turn)
	d.turn = turnTask{}
}

// BlockCopy sets y to x, of the same shape.
func (d *Device) BlockCopy(y, x Blocks) {
	d.copying = copyTask{y, x}
	d.team.run(x.count()*x.N, &d.copying)
	d.copying = copyTask{}
}

// copyTask copies maps; a piece is a block of an image.
type copyTask struct{ y, x Blocks }

func (t *copyTask) piece(_ *worker, i int) {
	b, n := i/t.x.N, i%t.x.N
	size := t.x.H * t.x.W * t.x.Lanes
	copy(t.y.Data[b*t.y.Stride+n*size:][:size], t.x.Data[b*t.x.Stride+n*size:])
}

// Normalise sets the planes of y (N,C,plane) to those of x, normalised.
func (d *Device) Normalise(y, x []float32, n, c, plane int, by Normalise) {
	Split(d, n*c, 1, normaliseLoop{y, x, c, plane, by})
}

// normaliseLoop runs over planes.
type normaliseLoop struct {
	y, x     []float32
	c, plane int
	by       Normalise
}

// Run does planes lo … hi-1.
func (l normaliseLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		c := i % l.c
		l.by.row(l.y[i*l.plane:][:l.plane], l.x[(i-c+l.by.plane(c))*l.plane:], c)
	}
}

// turnTask moves numbers between the two orders; a piece is a block of an image.
type turnTask struct {
	b     Blocks
	plain []float32
	to    bool // into blocks
}

func (t *turnTask) piece(_ *worker, i int) {
	b, n := i/t.b.N, i%t.b.N
	l, plane := t.b.Lanes, t.b.H*t.b.W
	blocks := t.b.Data[b*t.b.Stride+n*plane*l:][:plane*l]
	for v := range l {
		c := b*l + v
		if c >= t.b.C {
			if t.to {
				for p := range plane {
					blocks[p*l+v] = 0
				}
			}
			continue
		}
		plain := t.plain[(n*t.b.C+c)*plane:][:plane]
		if t.to {
			for p, x := range plain {
				blocks[p*l+v] = x
			}
		} else {
			for p := range plain {
				plain[p] = blocks[p*l+v]
			}
		}
	}
}
