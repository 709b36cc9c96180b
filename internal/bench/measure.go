package bench

import (
	"context"
	"time"
)

// Plan says how long to measure.
type Plan struct {
	Rounds int
	Least  time.Duration // of a case's turn: short work is repeated
}

// Turn is the usual least length of a case's turn.
const Turn = 100 * time.Millisecond

// Measure runs every case once to warm it up, and then in rounds, in each of
// which every case has its turn. When ctx ends it returns ctx's error, and the
// cases keep what was measured until then.
func Measure(ctx context.Context, cases []*Case, p Plan, progress func(turns int)) error {
	for _, c := range cases {
		if err := c.run(ctx); err != nil {
			return err
		}
	}
	turns := 0
	for range p.Rounds {
		for _, c := range cases {
			if err := c.turn(ctx, p.Least); err != nil {
				return err
			}
			turns++
			progress(turns)
		}
	}
	return nil
}

// turn runs the case for that long at least, and notes the mean of its runs.
func (c *Case) turn(ctx context.Context, least time.Duration) error {
	start := time.Now()
	for runs := 1; ; runs++ {
		if err := c.run(ctx); err != nil {
			return err
		}
		if spent := time.Since(start); spent >= least {
			c.Seconds = append(c.Seconds, spent.Seconds()/float64(runs))
			return nil
		}
	}
}
