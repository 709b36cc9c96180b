package testkit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// public are the packages that other modules may import.
var public = []string{"onnx", "weights", "backbones", "heads", "finetune"}

// TestPublicSignaturesNameNoInternalType parses the public packages: exported
// functions, and exported fields and methods of exported types, may not name
// a type of an internal package. An alias is allowed: it gives the type a
// public name.
func TestPublicSignaturesNameNoInternalType(t *testing.T) {
	for _, name := range public {
		fset := token.NewFileSet()
		files, err := filepath.Glob(filepath.Join(root(), name, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, error %v", name, len(files), err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			internal := internalImports(f)
			for _, d := range f.Decls {
				for _, e := range exportedTypes(d) {
					if used := uses(e, internal); used != "" {
						t.Errorf("%s: an exported signature names %s", fset.Position(e.Pos()), used)
					}
				}
			}
		}
	}
}

// internalImports returns the local names of a file's internal imports.
func internalImports(f *ast.File) map[string]bool {
	out := map[string]bool{}
	for _, i := range f.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		if !strings.Contains(path, "/internal/") {
			continue
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		out[name] = true
	}
	return out
}

// exportedTypes returns the type expressions that a declaration shows.
func exportedTypes(d ast.Decl) []ast.Expr {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || receiverExported(d.Recv)) {
			return fieldTypes(d.Type.Params, d.Type.Results)
		}
	case *ast.GenDecl:
		var out []ast.Expr
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && !s.Assign.IsValid() {
					out = append(out, shown(s.Type)...)
				}
			case *ast.ValueSpec:
				if s.Type != nil && s.Names[0].IsExported() {
					out = append(out, s.Type)
				}
			}
		}
		return out
	}
	return nil
}

// shown returns what an exported type shows of its parts: the exported fields
// of a struct, all of any other type.
func shown(e ast.Expr) []ast.Expr {
	st, ok := e.(*ast.StructType)
	if !ok {
		return []ast.Expr{e}
	}
	var out []ast.Expr
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 || f.Names[0].IsExported() {
			out = append(out, f.Type)
		}
	}
	return out
}

func receiverExported(r *ast.FieldList) bool {
	e := r.List[0].Type
	if s, ok := e.(*ast.StarExpr); ok {
		e = s.X
	}
	id, ok := e.(*ast.Ident)
	return ok && id.IsExported()
}

func fieldTypes(lists ...*ast.FieldList) []ast.Expr {
	var out []ast.Expr
	for _, l := range lists {
		if l == nil {
			continue
		}
		for _, f := range l.List {
			out = append(out, f.Type)
		}
	}
	return out
}

// uses returns the first internal type that e names, "" for none.
func uses(e ast.Expr, internal map[string]bool) (found string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && internal[x.Name] && found == "" {
				found = x.Name + "." + s.Sel.Name
			}
		}
		return true
	})
	return found
}
