package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tlkit/tl/onnx"
)

// debianFolder is where Debian's package libonnx-testdata puts the suite.
const debianFolder = "/usr/share/libonnx-testdata/data"

// dataFolder is where the suite lies: TL_ONNXDATA, else Debian's folder.
func dataFolder() string { return cmp.Or(os.Getenv("TL_ONNXDATA"), debianFolder) }

// groups are the suite's folders that hold models; "real" holds only addresses.
var groups = []string{"node", "pytorch-converted", "pytorch-operator", "simple"}

// testCase is a model and the data sets to try on it.
type testCase struct {
	group, name string
	model       string   // path of model.onnx
	sets        []string // folders of input_*.pb and output_*.pb
}

// findCases lists every case of the suite, sorted by group and name.
func findCases(folder string) (all []testCase, err error) {
	for _, group := range groups {
		models, err := filepath.Glob(filepath.Join(folder, group, "*", "model.onnx"))
		if err != nil {
			return nil, err
		}
		if len(models) == 0 {
			return nil, fmt.Errorf("%s: wanted the folder %s with the cases of the ONNX suite, found none (apt-get install libonnx-testdata, or set TL_ONNXDATA)", folder, group)
		}
		for _, model := range models {
			dir := filepath.Dir(model)
			sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
			if err != nil {
				return nil, err
			}
			all = append(all, testCase{group, filepath.Base(dir), model, sets})
		}
	}
	return all, nil
}

// each calls f with the arrays of every data set.
func (c testCase) each(f func(in, want []*onnx.Tensor) error) error {
	for _, set := range c.sets {
		in, err := arrays(set, "input")
		if err != nil {
			return err
		}
		want, err := arrays(set, "output")
		if err != nil {
			return err
		}
		if err := f(in, want); err != nil {
			return err
		}
	}
	return nil
}

// arrays reads input_0.pb, input_1.pb, … (or output_*) of a data set.
func arrays(set, what string) (all []*onnx.Tensor, err error) {
	for i := 0; ; i++ {
		file := fmt.Sprintf("%s_%d.pb", what, i)
		path := filepath.Join(set, file)
		if _, err := os.Stat(path); err != nil {
			return all, nil
		}
		t, err := onnx.ReadTensor(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), path+": "))
		}
		all = append(all, t)
	}
}
