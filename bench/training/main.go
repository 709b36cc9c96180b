// Command training measures how fast tl trains on this machine's processor,
// against torch doing the same work, and prints a Markdown table.
//
//	internal/testkit/oracle/setup                      # once: Python with torch, in .venv
//	go run ./bench/training                            # epochs of the baseline CNN, of ResNet50's last stage, of VGG16's block 5
//	go run ./bench/training -rows finetune -rounds 1   # from PNG files to an exported model
//	go run ./bench/training -rows baseline-64 -images 320 -rounds 1
//
// An epoch's contenders get the same items in memory, the same weights to begin
// with and the same batches of 32, and train with forward, backward and Adam.
// Their first losses, without dropout, must agree, or the command fails: after
// that each deals its own batches and drops its own units. torch competes in
// each of its settings, the fastest of which counts. They compute in turns; a
// figure is the median over rounds of images a second. Compare figures of one
// row only, since machines differ from hour to hour.
//
// rows.go says what is trained, steps.go and whole.go are tl's side,
// torch_steps.py and torch_whole.py torch's, contest.go lets them take turns,
// report.go prints.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tlkit/tl/bench/peer"
)

// flags say what to measure.
type flags struct {
	rows     string
	rounds   int
	threads  int
	images   int
	size     int
	data     string
	resnet50 string
	python   string
	scripts  string
	epochs   int
	profile  string
}

// parse reads the command line.
func parse(args []string) (f flags, err error) {
	s := flag.NewFlagSet("training", flag.ContinueOnError)
	s.StringVar(&f.rows, "rows", "baseline-64,baseline-128,resnet50,vgg16", "what to train, a `list` of "+strings.Join(rowNames(), ","))
	s.IntVar(&f.rounds, "rounds", 5, "turns that each contender gets in a row")
	s.IntVar(&f.threads, "threads", 2, "threads of each")
	s.IntVar(&f.images, "images", 0, "images of an epoch, or of the whole finetune; 0: as many as the row says")
	s.IntVar(&f.size, "size", 160, "pixels a side of the images whose features resnet50 and vgg16 train on")
	s.StringVar(&f.data, "data", "../shared/data/cells", "`folder` of labelled images")
	s.StringVar(&f.resnet50, "weights", "../shared/data/weights/resnet50.onnx", "trained ResNet50 as torchvision names its weights, an ONNX `file`; VGG16 is seeded")
	s.StringVar(&f.python, "python", ".venv/bin/python", "Python that internal/testkit/oracle/setup made, a `file`")
	s.StringVar(&f.scripts, "scripts", "bench/training", "`folder` of torch_steps.py")
	s.IntVar(&f.epochs, "plain-epochs", 1, "epochs that the plain recipe of a finetune computes; the rest are multiplied. 0: all")
	s.StringVar(&f.profile, "profile", "", "`folder` for processor profiles of tl's turns, one a row")
	if err := s.Parse(args); err != nil {
		return f, err
	}
	if s.NArg() > 0 {
		return f, fmt.Errorf("%q: no arguments are wanted; rows are chosen by -rows %s", s.Args(), s.Arg(0))
	}
	if f.rounds < 1 || f.threads < 1 || f.images < 0 || f.epochs < 0 {
		return f, fmt.Errorf("want -rounds and -threads of 1 or more, -images and -plain-epochs of 0 or more")
	}
	if f.size < 32 {
		return f, fmt.Errorf("-size %d: want pixels, 32 or more, as in -size 160", f.size)
	}
	if f.images > 0 && f.images < batch {
		return f, fmt.Errorf("-images %d: want a batch at least, %d", f.images, batch)
	}
	_, err = chosenRows(f.rows)
	return f, err
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-serve" { // not among the flags: it is no user's business
		exit(peer.Serve(os.Stdin, os.Stdout, &tl{}))
	}
	f, err := parse(os.Args[1:])
	if err == flag.ErrHelp {
		os.Exit(0)
	}
	if err != nil {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, f))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "training:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures the chosen rows and prints the report.
func run(ctx context.Context, f flags) error {
	rows, err := chosenRows(f.rows)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tl-training-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := contest{flags: f, dir: dir}
	if f.profile != "" {
		if c.profile, err = filepath.Abs(f.profile); err == nil {
			err = os.MkdirAll(c.profile, 0o755)
		}
		if err != nil {
			return err
		}
	}
	var results []result
	for _, r := range rows {
		got, err := c.measure(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		results = append(results, got...)
	}
	fmt.Print(markdown(f, results))
	return nil
}
