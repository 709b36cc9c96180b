package main

import (
	"math/rand/v2"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if js := os.Getenv(pullEnv); js != "" {
		os.Exit(pullChild(js))
	}
	os.Exit(m.Run())
}

// A short version of the command: a dozen kills, and two processes at once.
// What wants mounts and control groups is left to the command.
func TestFaults(t *testing.T) {
	s, err := newScene(rand.New(rand.NewPCG(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, f := range faults(15) {
		if f.name[:4] != "kill" && f.name[:3] != "two" && f.name != "memory: --max-memory" {
			continue
		}
		what, err := f.do(s)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		t.Logf("%s: %s", f.name, what)
	}
	for _, p := range s.problems {
		t.Error(p)
	}
}

// A row that this machine cannot do is no success: none at all fails, and with
// -strict every one.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		shown      int
		impossible []string
		strict, ok bool
	}{
		{14, nil, true, true},
		{12, []string{"memory: cgroup", "disk: full"}, false, true},
		{12, []string{"memory: cgroup", "disk: full"}, true, false},
		{0, []string{"memory: cgroup"}, false, false},
		{0, nil, true, false},
	} {
		if err := verdict(c.shown, c.impossible, c.strict); (err == nil) != c.ok {
			t.Errorf("%d shown, %v impossible, strict %v: %v", c.shown, c.impossible, c.strict, err)
		}
	}
}
