// Command fuzz goes through every fuzz target of the repository, each for its
// share of the time, and prints what it did:
//
//	go run ./bench/fuzz -time 10m
//
// Targets are found by name in the source (func FuzzX in a _test.go file). What
// is found is kept by go test: inputs that reach new code in its cache, those
// that fail under the package's testdata/fuzz, where go test replays them.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

func main() {
	total := flag.Duration("time", 10*time.Minute, "time for all targets together")
	only := flag.String("only", "", "targets whose package or name matches this expression")
	workers := flag.Int("workers", 0, "processes of a target; 0 is one a core")
	flag.Parse()
	if err := run(*total, *only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// run fuzzes all targets that match only, in turns.
func run(total time.Duration, only string, workers int) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	targets, err := find(".", match)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return fmt.Errorf("no target matches %q here: run it in the repository's root", only)
	}
	var failed error
	fmt.Printf("%-28s %-16s %12s %12s %10s  %s\n", "package", "target", "seconds", "executions", "new inputs", "result")
	for _, t := range targets {
		r := t.fuzz(total/time.Duration(len(targets)), workers)
		fmt.Printf("%-28s %-16s %12.0f %12d %10d  %s\n", t.dir, t.name, r.spent.Seconds(), r.executions, r.found, cmp.Or(r.failure, "ok"))
		if r.failure != "" {
			failed = fmt.Errorf("a target failed")
			fmt.Fprintf(os.Stderr, "%s\n", r.output)
		}
	}
	return failed
}
