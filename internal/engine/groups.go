package engine

// A batch does not fit into the caches, so the steps before the maps have
// become small run for a few images at a time: a level is a run of steps with
// one group size. A level runs after the one below it has run for all its
// images, part by part:
//
//	level 0, images 0 1 | level 0, images 2 3 | level 1, images 0 1 2 3 | level 0, images 4 5 | …

// level is the steps first … last-1, which run for group images at once.
type level struct {
	first, last, group int
}

// levels gives every step its group: as many images as stay in the cache,
// never fewer than the step before. budget is how many bytes of maps a step may
// read and write at once: they stay in the last level cache until the next
// step reads them. Streams have a share of the group of the step behind them.
func (x *plan) levels(budget int) (list []level) {
	least := x.batch
	for i := len(x.steps) - 1; i >= 0; i-- {
		if i == x.forked-1 {
			_, least = imagesOf(least, len(x.alone), 1)
		}
		s := x.steps[i]
		if !s.grouped { // what comes behind runs for the whole batch: see below
			s.group, least = x.batch, x.batch
			continue
		}
		bytes := 4 * x.size(s.out)
		for _, p := range s.in {
			bytes += 4 * x.size(p)
		}
		s.group = powerBelow(budget/max(1, bytes), least)
		least = s.group
	}
	whole := false
	for i, s := range x.steps {
		if whole = whole || !s.grouped; whole {
			s.group = x.batch
		}
		if n := len(list); n > 0 && list[n-1].group == s.group && i != x.forked {
			list[n-1].last = i + 1
		} else {
			list = append(list, level{i, i + 1, s.group})
		}
	}
	return list
}
