package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// killsARun is how often one run is killed before it may end.
const killsARun = 8

// killRuns kills tl finetune at random moments of random stages and goes on,
// until n kills have struck. A run that was killed often enough goes on to its
// end, is compared, and makes room for another.
func (s *scene) killRuns(n int) (string, error) {
	var struck [stageCount]int
	kills, runs := 0, 0
	for ; kills < n; runs++ {
		place := s.place()
		for _, target := range s.plan(min(killsARun, n-kills)) {
			c, err := s.moment(place, target)
			if err != nil {
				return "", err
			}
			a := s.start(place, c, s.goOn(place)...)
			about := fmt.Sprintf("run %d, kill %d", runs+1, kills+1)
			if s.problem(about, s.check(place, a.epochs)); !a.killed {
				if a.err != nil {
					return "", fmt.Errorf("%s: tl failed by itself: %w\n%s", about, a.err, a.said())
				}
				break // it was faster than the kill
			}
			kills++
			struck[a.at]++
		}
		s.ends(fmt.Sprintf("run %d after its kills", runs+1), place)
		if err := os.RemoveAll(place); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d kills: %d opening, %d extracting, %d training, %d writing; %d runs went on to their end, equal",
		kills, struck[opening], struck[extracting], struck[training], struck[writing], runs), nil
}

// plan is n random stages in the order in which a run comes to them.
func (s *scene) plan(n int) []stage {
	out := make([]stage, n)
	for i := range out {
		out[i] = stage((i + s.rand.IntN(2)) % int(stageCount))
	}
	slices.Sort(out)
	return out
}

// moment chooses when to kill within a stage; nil is never, where the place has
// that stage behind it. Of training, what is left counts.
func (s *scene) moment(place string, in stage) (*cut, error) {
	long := s.stages[in]
	if in == training {
		done, err := history(place)
		if err != nil || len(done) == epochs {
			return nil, err
		}
		long = long * time.Duration(epochs-len(done)) / epochs
	}
	return &cut{in, s.within(long)}, nil
}

// within returns a random part of a time.
func (s *scene) within(d time.Duration) time.Duration {
	return time.Duration(s.rand.Int64N(int64(d) + 1))
}
