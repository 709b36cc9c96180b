package testkit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// starters are the calls that start a goroutine beside the go statement.
var starters = []string{"Go", "AfterFunc"}

// Every file of the binary that starts a goroutine stands in docs/trust.md with
// the test that runs it under the race detector, and no other file does.
func TestGoroutinesAreListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(), "docs", "trust.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n### Goroutines\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	var listed, found []string
	for line := range strings.Lines(section) {
		if file, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); ok && strings.HasPrefix(line, "| `") {
			listed = append(listed, file)
		}
	}
	for _, p := range list(t, []string{"CGO_ENABLED=0"}, "-deps", "./cmd/tl") {
		name, ours := strings.CutPrefix(p.ImportPath, module+"/")
		if !ours {
			continue
		}
		for _, file := range p.GoFiles {
			if startsGoroutine(t, filepath.Join(p.Dir, file)) {
				found = append(found, path.Join(name, file))
			}
		}
	}
	slices.Sort(listed)
	slices.Sort(found)
	if !slices.Equal(listed, found) {
		t.Errorf("docs/trust.md lists\n%s\ngoroutines are started in\n%s", strings.Join(listed, "\n"), strings.Join(found, "\n"))
	}
}

func startsGoroutine(t *testing.T, file string) (starts bool) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			starts = true
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(starters, s.Sel.Name) {
				starts = true
			}
		}
		return true
	})
	return starts
}
