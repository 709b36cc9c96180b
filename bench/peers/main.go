// Command peers measures how fast tl computes the convolutional part of
// ResNet50 and VGG16 on this machine's processor, against the programs that a
// user could take instead, and prints Markdown tables.
//
//	bench/peers/setup                          # once: Python with the peers, in .venv-peers
//	go run ./bench/peers -json peers.json      # all cases
//	go run ./bench/peers -rounds 1 -batches 1,8 -sizes 64
//	go run ./bench/peers -isa avx2
//
// Every peer is a process of its own with its best settings (the *.py files and
// serve.go, driven by package peer), and so is tl. They
// get one network, one input and the same number of threads, compute in turns,
// and sleep between their turns. Features must agree with those of onnxruntime,
// or the command fails. A figure is the median over rounds of images a second;
// compare figures of one row only, since machines differ from hour to hour.
//
// networks.go makes the files, contenders.go says who takes part, contest.go
// lets them take turns, report.go prints.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/tlkit/tl/bench/peer"
)

var (
	resnet50   = flag.String("resnet50", "../shared/data/weights/resnet50.onnx", "trained ResNet50, an ONNX `file`")
	python     = flag.String("python", ".venv-peers/bin/python", "Python that bench/peers/setup made, a `file`")
	scripts    = flag.String("scripts", "bench/peers", "`folder` of the peers' modules")
	networks   = flag.String("networks", "resnet50,vgg16", "networks, a `list`")
	batches    = flag.String("batches", "1,8,32", "images at once, a `list`")
	sizes      = flag.String("sizes", "224,128,64", "pixels a side, a `list`")
	peers      = flag.String("peers", "onnxruntime,openvino,torch,ncnn", "peers, a `list`; onnxruntime, whose features all are compared with, always takes part")
	precisions = flag.String("precisions", "f32", "precisions of tl, a `list`; peers compute float32")
	ncnnAll    = flag.Bool("ncnn-all", false, "run ncnn at larger batches too, image by image: it has no batches")
	isa        = flag.String("isa", "", "avx2: the contest without AVX-512, where it can be switched off")
	rounds     = flag.Int("rounds", 7, "turns that each gets in a case")
	threads    = flag.Int("threads", 2, "threads of each")
	jsonFile   = flag.String("json", "", "`file` for the raw figures")
)

func main() {
	// Not among the flags: it is no user's business.
	if len(os.Args) == 2 && os.Args[1] == "-serve" {
		exit(peer.Serve(os.Stdin, os.Stdout, &tl{}))
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures all cases and prints the report.
func run(ctx context.Context) error {
	cases, err := chosenCases()
	if err != nil {
		return err
	}
	c, err := newContest()
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	r := report{Machine: peer.Machine(), Threads: *threads, ISA: *isa}
	for _, k := range cases {
		results, err := c.measure(ctx, k)
		if err != nil {
			return fmt.Errorf("%v: %w", k, err)
		}
		r.Results = append(r.Results, results...)
	}
	fmt.Print(r.markdown(cases))
	if *jsonFile == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(*jsonFile, append(b, '\n'), 0o644)
}

// chosenCases are all combinations of -networks, -batches and -sizes.
func chosenCases() (cases []benchmark, err error) {
	for _, network := range peer.List(*networks) {
		for _, size := range peer.List(*sizes) {
			for _, batch := range peer.List(*batches) {
				k := benchmark{Network: network}
				if k.Size, err = strconv.Atoi(size); err != nil || k.Size < 32 {
					return nil, fmt.Errorf("-sizes %s: want pixels, 32 or more, as in -sizes 224,64", *sizes)
				}
				if k.Batch, err = strconv.Atoi(batch); err != nil || k.Batch < 1 {
					return nil, fmt.Errorf("-batches %s: want numbers of images, as in -batches 1,8", *batches)
				}
				cases = append(cases, k)
			}
		}
	}
	if *rounds < 1 || *threads < 1 || len(cases) == 0 {
		return nil, fmt.Errorf("nothing to measure: want -rounds, -threads of 1 or more and at least one network, batch and size")
	}
	return cases, nil
}
