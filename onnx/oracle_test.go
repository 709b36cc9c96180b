//go:build oracle

package onnx_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// testdata is what the script makes today.
func TestOracleForms(t *testing.T) {
	dir := t.TempDir()
	testkit.Python(t, "onnx_files.py", dir)
	checkForms(t, dir)
}

// Files as we write them pass onnx.checker and run in onnxruntime like the
// files they were read from.
func TestOracleWrite(t *testing.T) {
	files := []string{testkit.Data(t, "weights/resnet18.onnx"), testkit.Data(t, "weights/resnet50.onnx")}
	for name := range goldens(t, "testdata") {
		if !strings.HasPrefix(name, "bfloat") { // onnxruntime has no CPU kernel that takes bfloat16
			files = append(files, filepath.Join("testdata", name+".onnx"))
		}
	}
	sameOutputs(t, files, 0, 0)
}

// Upgraded networks give the same numbers.
func TestOracleUpgrade(t *testing.T) {
	dir := t.TempDir()
	testkit.Python(t, "onnx_old.py", dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.onnx"))
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	files = append(files, testkit.Data(t, "weights/resnet18.onnx"), testkit.Data(t, "weights/resnet50.onnx"))
	for _, opset := range []int64{13, 18, 22} {
		t.Run(strconv.FormatInt(opset, 10), func(t *testing.T) { sameOutputs(t, files, opset, 1e-6) })
	}
}

// sameOutputs reads each file, writes it again, upgraded unless opset is 0, and
// compares the outputs of both.
func sameOutputs(t *testing.T, files []string, opset int64, tolerance float64) {
	t.Helper()
	dir := t.TempDir()
	var pairs []string
	for i, path := range files {
		m := read(t, path)
		if opset > 0 {
			var err error
			if m, err = onnx.Upgrade(m, opset); err != nil {
				t.Fatal(err)
			}
		}
		again := filepath.Join(dir, strconv.Itoa(i)+".onnx")
		if err := onnx.WriteFile(again, m); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, path, again)
	}
	lines := strings.Split(strings.TrimSpace(string(testkit.Python(t, "onnx_same.py", pairs...))), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d answers for %d files", len(lines), len(files))
	}
	for i, line := range lines {
		if diff, err := strconv.ParseFloat(line, 64); err != nil || !(diff <= tolerance) {
			t.Errorf("%s: relative L2 difference %s, at most %g allowed", files[i], line, tolerance)
		}
	}
}

// The official test networks of the ONNX project, as Python's onnx carries
// them: each is read and written with the same nodes, or refused with a reason
// that we stand for.
func TestOracleSuite(t *testing.T) {
	reasons := []string{"is a subgraph", "wanted a tensor, found a sequence", "is quantised", "wanted ONNX IR version",
		"wanted operator set version", "may have changed before 7", "wanted operators of the ONNX standard only"}
	dir := t.TempDir()
	list := filepath.Join(dir, "pairs")
	var pairs []string
	for path := range strings.Lines(string(testkit.Python(t, "onnx_suite.py"))) {
		path = strings.TrimSpace(path)
		m, err := onnx.Read(path)
		if err != nil {
			if !slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(err.Error(), r) }) {
				t.Error(err)
			}
			continue
		}
		again := filepath.Join(dir, strconv.Itoa(len(pairs)))
		if err := onnx.WriteFile(again, m); err != nil {
			t.Error(err)
		}
		m.Close()
		pairs = append(pairs, path, again)
	}
	if len(pairs) < 2*1000 {
		t.Errorf("only %d files were read", len(pairs)/2)
	}
	if err := os.WriteFile(list, []byte(strings.Join(pairs, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := testkit.Python(t, "onnx_suite.py", list); len(out) > 0 {
		t.Errorf("%s", out)
	}
}
