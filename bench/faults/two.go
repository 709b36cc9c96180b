package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// rounds is how often two processes meet.
const rounds = 3

// twoRuns starts a run, and while it works the same command and a --resume of
// it: both are refused, and harm nothing. Then two start at the same moment:
// one of them runs.
func (s *scene) twoRuns() (string, error) {
	for range rounds {
		place := s.place()
		words := s.finetune()
		var once sync.Once
		var again, resumed *attempt
		a := s.startAs(place, nil, func(line string) {
			if strings.HasPrefix(line, "epoch") {
				once.Do(func() {
					again = s.start(place, nil, words...)
					resumed = s.start(place, nil, s.goOn(place)...)
				})
			}
		}, append([]string{s.tl}, words...)...)
		about := "two processes in " + place
		s.problem(about, a.err)
		if again == nil {
			return "", fmt.Errorf("the run reported no epoch:\n%s", a.said())
		}
		s.problem(about, errors.Join(again.refused("holds a run already"), s.check(place, a.epochs), s.equal(place)))
		if resumed.err != nil { // it may have come when the first had ended, and then there is nothing left to do
			s.problem(about, resumed.refused("another process"))
		}
	}
	for range rounds {
		place := s.place()
		both := s.together(place, place)
		about := "two processes begin in " + place
		if both[0].err == nil && both[1].err == nil {
			s.problem(about, errors.New("both ended well in one folder"))
		}
		for _, a := range both {
			if a.err != nil {
				s.problem(about, a.refused("another process", "holds a run already"))
			}
		}
		s.ends(about, place)
	}
	return fmt.Sprintf("%d times begun and resumed while it ran, %d times begun twice at once: one ran, equal", rounds, rounds), nil
}

// together runs the same command in two places at once.
func (s *scene) together(places ...string) []*attempt {
	words, out := s.finetune(), make([]*attempt, len(places))
	var w sync.WaitGroup
	for i, p := range places {
		w.Go(func() { out[i] = s.start(p, nil, words...) })
	}
	w.Wait()
	return out
}

// twoExtractions lets two runs want one cache. The first is killed while it
// extracts; the second takes over what is there.
func (s *scene) twoExtractions() (string, error) {
	waited, took := 0, 0
	for range rounds * 2 {
		place := s.place()
		words := append(s.finetune(), "--name", "run")
		other := append(append([]string{s.tl}, words...), "--runs", "others")
		done := make(chan *attempt, 1)
		var once sync.Once
		first := s.startAs(place, &cut{extracting, s.stages[extracting]/2 + s.within(s.stages[extracting]/2)}, func(line string) {
			if strings.HasPrefix(line, "run folder") {
				once.Do(func() { go func() { done <- s.startAs(place, nil, nil, other...) }() })
			}
		}, append([]string{s.tl}, words...)...)
		if len(first.lines) == 0 {
			return "", first.err
		}
		second := <-done
		about := "two processes on the cache of " + place
		s.problem(about, second.err)
		if strings.Contains(second.said(), "another process is computing them") {
			waited++
		}
		if first.killed {
			took++
		}
		s.problem(about, s.check(place, first.epochs))
		s.ends(about, place)
	}
	return fmt.Sprintf("%d times two runs on one cache: %d waited, %d firsts were killed; all went on to their end, equal", rounds*2, waited, took), nil
}

// twoPulls lets two processes download one file: one is told that the other is
// at it.
func (s *scene) twoPulls() (string, error) {
	refused := 0
	for range rounds {
		p, content, stop, err := s.serve()
		if err != nil {
			return "", err
		}
		var w sync.WaitGroup
		var errs [2]error
		for i := range errs {
			w.Go(func() { _, errs[i] = p.do(0) })
		}
		w.Wait()
		stop()
		for _, err := range errs {
			if err != nil {
				if refused++; !strings.Contains(err.Error(), "another download of it is running") {
					s.problem("two downloads", err)
				}
			}
		}
		if errs[0] != nil && errs[1] != nil {
			s.problem("two downloads", errors.New("both were refused"))
		}
		s.problem("two downloads", p.check(content, true))
	}
	return fmt.Sprintf("%d times two at once: %d refused, the file whole", rounds, refused), nil
}
