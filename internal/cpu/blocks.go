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
