package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/bench/peer"
	"github.com/tlkit/tl/internal/tensor"
)

// other is tl in torch's place. Where told to, its last loss is another.
type other struct{ tl }

// factor is the variable that tells what other multiplies its last loss by.
const factor = "TL_TEST_LAST_LOSS"

func (o *other) Load(what json.RawMessage) (version, settings string, err error) {
	_, settings, err = o.tl.Load(what)
	return "other 1", settings, err
}

func (o *other) Output() (*tensor.Tensor, error) {
	x, err := o.tl.Output()
	f := 1.0
	if text := os.Getenv(factor); err == nil && text != "" {
		_, err = fmt.Sscan(text, &f)
	}
	if err == nil {
		x.Data[len(x.Data)-1] *= float32(f)
	}
	return x, err
}

// TestMain is a contender's process where a contest starts one: tl's, or, since
// these tests name this program as their Python, torch's.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "-serve":
		exit(peer.Serve(os.Stdin, os.Stdout, &tl{}))
	case len(os.Args) > 1 && filepath.Base(os.Args[1]) == "worker.py":
		exit(peer.Serve(os.Stdin, os.Stdout, &other{}))
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	f, err := parse([]string{"-rows", "vgg16", "-images", "32", "-plain-epochs", "0"})
	if err != nil || f.rows != "vgg16" || f.images != 32 || f.epochs != 0 || f.rounds != 5 || f.threads != 2 || f.size != 160 {
		t.Errorf("parsed %+v, error %v", f, err)
	}
	for args, want := range map[string]string{
		"baseline-64":         "rows are chosen by -rows baseline-64",
		"-rounds 0":           "want -rounds and -threads of 1 or more",
		"-threads 0":          "want -rounds and -threads of 1 or more",
		"-images -1":          "-images and -plain-epochs of 0 or more",
		"-plain-epochs -1":    "-images and -plain-epochs of 0 or more",
		"-images 31":          "-images 31: want a batch at least, 32",
		"-size 31":            "-size 31: want pixels, 32 or more",
		"-rows vgg16,alexnet": `no "alexnet", want some of baseline-64,`,
		"-rows ,":             "nothing to measure, want some of baseline-64,",
	} {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
	}
}

// Rows are measured in the report's order, each once.
func TestChosenRows(t *testing.T) {
	rows, err := chosenRows("finetune, resnet50,baseline-64,resnet50")
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	if got := strings.Join(names, " "); err != nil || got != "baseline-64 resnet50 finetune" {
		t.Errorf("chosen %s, error %v", got, err)
	}
}
