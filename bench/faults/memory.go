package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cgroups takes memory away: the system kills tl where it wants more.
func (s *scene) cgroups() (string, error) {
	g, err := newGroup()
	if err != nil {
		return "", err
	}
	defer g.remove()
	return s.little("MiB", []int{6, 10, 14, 18, 24, 32, 48, 96}, g.within)
}

// cgroupRefusal asks for pictures of a size whose maps do not fit into the
// group, and for the same ones at a size that fits: tl, which is told nothing,
// reads the group's limit and refuses before it takes the memory.
func (s *scene) cgroupRefusal() (string, error) {
	const mib = 96
	g, err := newGroup()
	if err != nil {
		return "", err
	}
	defer g.remove()
	place := s.place()
	command, err := g.within(mib, append([]string{s.tl}, append(s.finetune(), "--size", "1024")...)...)
	if err != nil {
		return "", err
	}
	a := s.startAs(place, nil, nil, command...)
	about := fmt.Sprintf("%d MiB, 1024 pixels", mib)
	s.problem(about, a.refused(fmt.Sprintf("at most %d MiB are allowed", mib)))
	if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
		s.problem(about, errors.Join(err, fmt.Errorf("%v was begun", left)))
	}
	return fmt.Sprintf("%s: %s", g.limit, strings.ReplaceAll(a.end(), s.dir, "")), nil
}

// group is a control group with a memory limit.
type group struct{ dir, limit string }

func (g group) remove() { os.Remove(g.dir) }

// within is the command that runs words in the group, limited to so many MiB.
func (g group) within(mib int, words ...string) ([]string, error) {
	err := os.WriteFile(filepath.Join(g.dir, g.limit), []byte(fmt.Sprint(mib<<20)), 0)
	join := fmt.Sprintf("echo $$ >%s && exec \"$@\"", filepath.Join(g.dir, "cgroup.procs"))
	return append([]string{"sh", "-c", join, "sh"}, words...), err
}

// newGroup makes a control group, of version 1 or 2 as the machine has them.
func newGroup() (group, error) {
	var err error
	name := fmt.Sprintf("tl-faults-%d", os.Getpid())
	for _, g := range []struct{ root, limit string }{{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"}} {
		dir := filepath.Join(g.root, name)
		if err = os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		if _, err = os.Stat(filepath.Join(dir, g.limit)); err == nil {
			return group{dir, g.limit}, nil
		}
		os.Remove(dir)
	}
	return group{}, fmt.Errorf("%w: no control group with a memory limit (%v)", errCannot, err)
}

// ulimits limits addresses, of which Go reserves many more than it uses.
func (s *scene) ulimits() (string, error) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		return "", fmt.Errorf("%w: no shell", errCannot)
	}
	return s.little("MiB of addresses", []int{60, 80, 160, 320, 640, 1280, 1600, 2560}, func(mib int, words ...string) ([]string, error) {
		return append([]string{"sh", "-c", fmt.Sprintf("ulimit -v %d && exec \"$@\"", mib<<10), "sh"}, words...), nil
	})
}

// little runs one place under ever higher limits. Whatever ends tl, all that it
// left is whole, and the run goes on.
func (s *scene) little(unit string, limits []int, limited func(int, ...string) ([]string, error)) (string, error) {
	var ends []string
	for _, mib := range limits {
		place := s.place()
		command, err := limited(mib, append([]string{s.tl}, s.finetune()...)...)
		if err != nil {
			return "", err
		}
		a := s.startAs(place, nil, nil, command...)
		about := fmt.Sprintf("%d %s", mib, unit)
		s.problem(about, s.check(place, a.epochs))
		ends = append(ends, fmt.Sprintf("%d: %s", mib, a.end()))
		s.ends(about, place)
		if err := os.RemoveAll(place); err != nil {
			return "", err
		}
	}
	return strings.Join(ends, ", ") + " (" + unit + "); all went on to their end, equal", nil
}

// end says in a word how an attempt ended.
func (a *attempt) end() string {
	switch {
	case a.err == nil:
		return "ended well"
	case a.killed:
		return "killed by the system"
	case strings.Contains(a.said(), "tl: error"):
		i := slices.IndexFunc(a.lines, func(l string) bool { return strings.HasPrefix(l, "tl: error") })
		return a.lines[i]
	case strings.Contains(a.said(), "out of memory"), strings.Contains(a.said(), "failed to reserve"):
		return "out of memory"
	case strings.Contains(a.said(), "runtime: "), strings.Contains(a.said(), "fatal error: "):
		return "the Go runtime gave up"
	}
	return a.err.Error()
}
