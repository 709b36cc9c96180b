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
	var own []*place
	for _, p := range x.places {
		if p.view == nil && p.input < 0 && p.last >= 0 {
			own = append(own, p)
		}
	}
	return x.pack(own)
}

// lives sets first, last and group. A place that a later level reads holds all
// images of that level's group, and is written anew each time the levels below
// run: so it is in use from their first step on.
func (x *plan) lives(levels []level) {
	for _, p := range x.places {
		p.first, p.last, p.group = len(x.steps), -1, 0
		if p.root().input >= 0 {
			p.group = x.images
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
	}
	for i, s := range x.steps {
		use(s.out, i)
		for _, p := range s.in {
			use(p, i)
		}
	}
	for _, v := range x.g.Outputs {
		p := x.plain[v].root()
		p.last, p.group = len(x.steps), x.images
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
			if from.input < 0 && from.last == i && from.group == to.group && count(s.in, from) == count(s.over, from) {
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
	room := func(p *place) int { return (x.room(p) + line - 1) / line * line }
	slices.SortStableFunc(all, func(a, b *place) int { return cmp.Compare(room(b), room(a)) })
	var placed []*place // by offset
	size := 0
	for _, b := range all {
		b.offset = 0
		for _, p := range placed {
			if p.last < b.first || b.last < p.first {
				continue
			}
			if b.offset+room(b) <= p.offset {
				break
			}
			b.offset = max(b.offset, p.offset+room(p))
		}
		at, _ := slices.BinarySearchFunc(placed, b, func(p, b *place) int { return cmp.Compare(p.offset, b.offset) })
		placed = slices.Insert(placed, at, b)
		size = max(size, b.offset+room(b))
	}
	return size
}

// scratchOf is what the kernels take over all steps, each for all numbers of
// images that its level runs for at once.
func (x *plan) scratchOf(levels []level) (all cpu.Scratch) {
	if x.images == 0 {
		return all
	}
	counts := map[int]bool{x.images: true}
	if rest := x.batch % x.images; rest > 0 {
		counts[rest] = true // the last stream's
	}
	for l := len(levels) - 1; l >= 0; l-- {
		v := levels[l]
		counts = v.counts(counts)
		for _, s := range x.steps[v.first:v.last] {
			for n := range counts {
				if s.scratch != nil {
					all = all.Or(s.scratch(n))
				}
			}
		}
	}
	return all
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
		if p.view == nil && p.input < 0 && p.last >= 0 {
			end := p.offset + x.room(p)
			p.data = arena[p.offset:end:end]
		}
	}
}
