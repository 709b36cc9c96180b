// Package testkit helps tests: where the real data lies, arrays in NumPy's
// file format, comparison under named tolerances, and the Python peers that
// serve as oracles. Nothing but tests imports it.
package testkit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// root is the repository's root folder.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Data returns the path of a file of the real test data: under TL_TESTDATA,
// else under ../shared/data beside the repository. It skips the test where
// that folder does not exist, because its licences forbid a copy in here.
func Data(t testing.TB, rel string) string {
	t.Helper()
	dir := os.Getenv("TL_TESTDATA")
	if dir == "" {
		dir = filepath.Join(root(), "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs the real cells and weights: %v (set TL_TESTDATA)", err)
	}
	path := filepath.Join(dir, filepath.FromSlash(rel))
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("test data is incomplete: %v", err)
	}
	return path
}

// Python runs internal/testkit/oracle/script with the pinned peers and returns
// what it prints on standard output. internal/testkit/oracle/setup makes the
// environment; TL_PYTHON names another interpreter.
func Python(t testing.TB, script string, args ...string) []byte {
	t.Helper()
	python := os.Getenv("TL_PYTHON")
	if python == "" {
		python = filepath.Join(root(), ".venv", "bin", "python")
	}
	cmd := exec.Command(python, append([]string{filepath.Join(root(), "internal", "testkit", "oracle", script)}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s(internal/testkit/oracle/setup installs the peers)", script, args, err, stderr.Bytes())
	}
	return out
}
