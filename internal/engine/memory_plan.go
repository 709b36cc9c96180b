package engine

import (
	"cmp"
	"slices"

	"github.com/tlkit/tl/internal/cpu"
)

// line is the unit of offsets: 16 float32 are one cache line.
const line = 16

// share lets s write its result out over input in, of the same form and shape.
// Memory is shared in the end only where nobody reads the input later, and s
// does not read it in another way: see settle.
func (s *step) share(out, in *place) {
	if in.input < 0 && out.blocked == in.blocked && out.shape.Equal(in.shape) {
		s.over = append(s.over, in)
	}
}

// arrange gives every place its group, its life and its offset, and returns
// the size of the arena in float32.
func (x *plan) arrange(levels []level) int {
	x.lives(levels)
	x.settle()
	var shared, own []*place
	for _, p := range x.places {
		switch {
		case p.view != nil || p.input >= 0 || p.last < 0:
		case p.stream:
			own = append(own, p)
		default:
			shared = append(shared, p)
		}
	}
	if len(own) > 0 { // in use until all streams are done: they run ahead of each other
		x.region = &place{last: x.forked - 1, room: x.pack(own)}
		x.region.room *= len(x.alone)
		shared = append(shared, x.region)
	}
	return x.pack(shared)
}

// lives sets first, last, group and stream: a place that only forked steps use
// is the streams' own. A place that a later level reads holds all
// images of that level's group, and is written anew each time the levels below
// run: so it is in use from their first step on.
func (x *plan) lives(levels []level) {
	for _, p := range x.places {
		p.first, p.last, p.group = len(x.steps), -1, 0
		p.stream = x.forked > 0 && p.root().input < 0
		if p.root().input >= 0 {
			p.group = x.batch
		}
	}
	levelOf := make([]int, len(x.steps))
	for l, v := range levels {
		for i := v.first; i < v.last; i++ {
			levelOf[i] = l
		}
	}
	use := func(p *place, i int) {
		p = p.root()
		if p.last >= 0 && levelOf[p.last] != levelOf[i] || p.first < i && levelOf[p.first] != levelOf[i] {
			p.first = 0
		}
		p.first, p.last, p.group = min(p.first, i), max(p.last, i), max(p.group, x.steps[i].group)
		p.stream = p.stream && i < x.forked
	}
	for i, s := range x.steps {
		use(s.out, i)
		for _, p := range s.in {
			use(p, i)
		}
	}
	for _, v := range x.g.Outputs {
		p := x.plain[v].root()
		p.last, p.group, p.stream = len(x.steps), x.batch, false
		if len(levels) > 1 {
			p.first = 0
		}
	}
}

// settle merges places where a step may write over an input that nobody reads
// later.
func (x *plan) settle() {
	for i, s := range x.steps {
		for _, in := range s.over {
			from, to := in.root(), s.out
			if from.input < 0 && from.last == i && from.group == to.group && from.stream == to.stream && count(s.in, from) == count(s.over, from) {
				to.view = from
				from.last, from.first = to.last, min(from.first, to.first)
				break
			}
		}
	}
}

// count is how many of list lie in the memory of root.
func count(list []*place, root *place) (n int) {
	for _, p := range list {
		if p.root() == root {
			n++
		}
	}
	return n
}

// pack sets the offsets, largest place first, each at the lowest free one, and
// returns the size of the arena.
func (x *plan) pack(all []*place) int {
	for _, p := range all {
		if p != x.region { // whose room is known
			p.room = (x.roomOf(p) + line - 1) / line * line
		}
	}
	slices.SortStableFunc(all, func(a, b *place) int { return cmp.Compare(b.room, a.room) })
	var placed []*place // by offset
	size := 0
	for _, b := range all {
		b.offset = 0
		for _, p := range placed {
			if p.last < b.first || b.last < p.first {
				continue
			}
			if b.offset+b.room <= p.offset {
				break
			}
			b.offset = max(b.offset, p.offset+p.room)
		}
		at, _ := slices.BinarySearchFunc(placed, b, func(p, b *place) int { return cmp.Compare(p.offset, b.offset) })
		placed = slices.Insert(placed, at, b)
		size = max(size, b.offset+b.room)
	}
	return size
}

// scratchOf is what the kernels of the team and of each stream take over all
// steps, each for all numbers of images that its level runs for at once.
func (x *plan) scratchOf(levels []level) (team, stream cpu.Scratch) {
	if x.batch == 0 {
		return team, stream
	}
	counts := map[int]bool{x.batch: true}
	d, all := x.d, &team
	for l := len(levels) - 1; l >= 0; l-- {
		v := levels[l]
		if v.last == x.forked {
			counts = ofStreams(counts, len(x.alone))
			d, all = x.alone[0], &stream
		}
		counts = v.counts(counts)
		for _, s := range x.steps[v.first:v.last] {
			for n := range counts {
				if s.scratch != nil {
					*all = all.Or(s.scratch(d, n))
				}
			}
		}
	}
	return team, stream
}

// ofStreams is how many images a stream has, where all have any of the numbers
// in counts.
func ofStreams(counts map[int]bool, streams int) map[int]bool {
	out := map[int]bool{}
	for n := range counts {
		for i := range streams {
			if _, n := imagesOf(n, streams, i+1); n > 0 {
				out[n] = true
			}
		}
	}
	return out
}

// counts is for how many images v runs at once, where it is to run for any of
// the numbers in all.
func (v level) counts(all map[int]bool) map[int]bool {
	out := map[int]bool{}
	for n := range all {
		if n >= v.group {
			out[v.group] = true
		}
		if rest := n % v.group; rest > 0 {
			out[rest] = true
		}
	}
	return out
}

// assign takes the arena's memory.
func (x *plan) assign(arena []float32) {
	x.arena = arena
	for _, p := range x.places {
		if p.view != nil || p.input >= 0 || p.last < 0 {
			continue
		}
		if !p.stream {
			p.data = arena[p.offset:][:x.roomOf(p):x.roomOf(p)]
			continue
		}
		for i := range x.alone {
			at := x.region.offset + i*x.region.room/len(x.alone) + p.offset
			p.parts = append(p.parts, arena[at:][:x.roomOf(p):x.roomOf(p)])
		}
	}
}
