package testkit

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tlkit/tl"

// layers is the house's plan: each package and what it may import of ours. A
// package imports only from the lines below its own.
var layers = []struct{ name, may string }{
	{"cmd/tl", "finetune backbones weights onnx internal/bench internal/roofline internal/dataset internal/augment internal/report internal/atomicfile"},
	{"bench/cells", "finetune internal/dataset internal/metrics internal/report"},
	{"bench/faults", "finetune weights onnx internal/dataset internal/report"},
	{"bench/peers", "bench/peer weights onnx internal/engine internal/graph internal/tensor"},
	{"bench/training", "bench/peer finetune backbones heads weights onnx internal/dataset internal/tensor"},
	{"bench/onnxsuite", "onnx internal/engine internal/autodiff internal/graph internal/op internal/cpu internal/tensor"},
	{"bench/fuzz", ""},
	{"finetune", "backbones heads weights onnx internal/engine internal/graph internal/dataset internal/augment internal/metrics internal/report internal/tensor internal/atomicfile"},
	{"internal/bench", "backbones weights onnx internal/engine internal/graph internal/roofline internal/dataset internal/tensor internal/cgroup"},
	{"backbones", "weights onnx internal/engine internal/graph internal/op internal/cpu internal/tensor"},
	{"heads", "weights onnx internal/autodiff internal/graph internal/op internal/cpu internal/tensor"},
	{"internal/engine", "internal/graph internal/op internal/cpu internal/tensor internal/cgroup"},
	{"internal/autodiff", "internal/op internal/cpu internal/tensor"},
	{"internal/roofline", "internal/cpu"},
	{"internal/testkit/plain", "internal/op internal/tensor"},
	{"internal/graph", "onnx internal/op internal/cpu internal/tensor"},
	{"internal/op", "onnx internal/cpu internal/tensor"},
	{"internal/report", "internal/metrics internal/atomicfile"},
	{"weights", "onnx internal/atomicfile"},
	{"internal/dataset", "internal/atomicfile"},
	{"internal/augment", ""},
	{"internal/cpu", ""},
	{"internal/metrics", ""},
	{"internal/testkit/tiny", "onnx"},
	{"onnx", "internal/atomicfile"},
	{"internal/testkit", "internal/tensor"},
	{"bench/peer", "internal/tensor"},
	{"internal/tensor", ""},
	{"internal/atomicfile", ""},
	{"internal/cgroup", ""},
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Doc, Dir             string
	Imports, GoFiles, IgnoredGoFiles []string
	Standard                         bool // of Go's own library
	Module                           *mod // nil for Go's own library
}

// mod is what go list says of a module.
type mod struct {
	Path, Version, Dir string
	Main, Indirect     bool
}

// list asks go list with more environment about packages.
func list(t *testing.T, env []string, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,Dir,Imports,GoFiles,IgnoredGoFiles,Standard,Module"}, args...)...)
	cmd.Dir = root()
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// packages lists every package of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	return list(t, nil, "./...")
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		at := slices.IndexFunc(layers, func(l struct{ name, may string }) bool { return l.name == name })
		if at < 0 {
			t.Errorf("%s: not in the layer table", name)
			continue
		}
		may := strings.Fields(layers[at].may)
		for _, i := range p.Imports {
			if i, ours := strings.CutPrefix(i, module+"/"); ours && !slices.Contains(may, i) {
				t.Errorf("%s imports %s: not in the layer table", name, i)
			}
		}
		for _, m := range may {
			if below := slices.IndexFunc(layers, func(l struct{ name, may string }) bool { return l.name == m }); below <= at {
				t.Errorf("layer table: %s may import %s, which is not below it", name, m)
			}
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s: no doc comment", p.ImportPath)
		}
	}
}
