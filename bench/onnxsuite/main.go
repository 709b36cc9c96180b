// Command onnxsuite runs the test cases of the ONNX project itself, another
// project's answers to what the operators mean, and prints a table of those
// that pass, those that tl does not support and those that fail.
//
//	apt-get install libonnx-testdata
//	go run ./bench/onnxsuite
//
// Each case runs with every set of kernels that the machine has, as the raw
// graph and as the optimised plan, and in every binding that fits it: its
// inputs fed, all but the first bound as constants, as the weights of a file
// are, and all of them bound, for arithmetic on shapes. All that can be
// imported must give the expected numbers; a case that cannot be imported at
// all is unsupported, with the importer's reason. Optimiser steps are checked
// against the solvers that training uses.
//
// unsupported.txt lists the unsupported cases with their reasons. The command
// fails when a case fails, when an unsupported one is not on the list, or when
// one on the list passes or does not exist; --write renews the list.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

var (
	folder  = flag.String("data", dataFolder(), "folder of the suite, with node, simple, …; also TL_ONNXDATA")
	write   = flag.Bool("write", false, "write bench/onnxsuite/unsupported.txt anew")
	verbose = flag.Bool("v", false, "print every case")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "onnxsuite:", err)
		os.Exit(1)
	}
}

// run goes through the suite, prints the table and holds it against the list.
func run(ctx context.Context) error {
	cases, err := findCases(*folder)
	if err != nil {
		return err
	}
	results, err := runAll(ctx, cases)
	if err != nil {
		return err
	}
	if *verbose {
		for _, r := range results {
			fmt.Println(r)
		}
	}
	printTable(os.Stdout, results)
	printClasses(os.Stdout, results)
	if *write {
		return os.WriteFile("bench/onnxsuite/unsupported.txt", []byte(listText(results)), 0o666)
	}
	faults := checkList(results, unsupported)
	for _, f := range faults {
		fmt.Fprintln(os.Stderr, f)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d cases are not as they should be", len(faults))
	}
	return nil
}
