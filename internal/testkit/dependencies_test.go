package testkit

import (
	"debug/buildinfo"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dependency is one row of a table in docs/dependencies.md.
type dependency struct{ version, licence, reason string }

// documented returns the tables of docs/dependencies.md, by their headings.
func documented(t *testing.T) map[string]map[string]dependency {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(), "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]map[string]dependency{}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		heading, body, _ := strings.Cut(section, "\n")
		rows := map[string]dependency{}
		for _, r := range regexp.MustCompile("(?m)^\\| `(.+?)` \\| (.+?) \\| (.+?) \\| (.+?) \\|$").FindAllStringSubmatch(body, -1) {
			rows[r[1]] = dependency{r[2], r[3], r[4]}
		}
		if len(rows) > 0 {
			tables[heading] = rows
		}
	}
	return tables
}

// modules returns the modules, by path, that packages come from.
func modules(all []pkg) map[string]mod {
	found := map[string]mod{}
	for _, p := range all {
		if p.Module != nil && !p.Module.Main {
			found[p.Module.Path] = *p.Module
		}
	}
	return found
}

// used returns the modules that docs/dependencies.md must list, by heading.
func used(t *testing.T) map[string]map[string]mod {
	t.Helper()
	tables := map[string]map[string]mod{"Direct, in the binary": {}, "Indirect, in the binary": {}, "In tests only": {}}
	binary := modules(list(t, []string{"CGO_ENABLED=0"}, "-deps", "./cmd/tl"))
	for path, m := range binary {
		heading := "Direct, in the binary"
		if m.Indirect {
			heading = "Indirect, in the binary"
		}
		tables[heading][path] = m
	}
	for path, m := range modules(list(t, []string{"CGO_ENABLED=0"}, "-deps", "-test", "./...")) {
		if _, ok := binary[path]; !ok {
			tables["In tests only"][path] = m
		}
	}
	return tables
}

func TestDependenciesAreDocumented(t *testing.T) {
	got := documented(t)
	for heading, want := range used(t) {
		for _, path := range slices.Sorted(maps.Keys(want)) {
			if d := got[heading][path]; d.version != want[path].Version {
				t.Errorf("docs/dependencies.md, %q: %s has version %q, go list says %s", heading, path, d.version, want[path].Version)
			}
		}
		for path := range got[heading] {
			if _, ok := want[path]; !ok {
				t.Errorf("docs/dependencies.md, %q: %s does not belong there", heading, path)
			}
		}
	}
}

// Every direct dependency that go.mod names is used: nothing is required that
// the tables, which follow from use, do not have.
func TestDependenciesOfGoModAreUsed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	got := documented(t)
	rows := regexp.MustCompile(`(?m)^\t(\S+) (\S+)$`).FindAllStringSubmatch(string(text), -1)
	if len(rows) == 0 {
		t.Fatal("go.mod requires nothing")
	}
	for _, r := range rows {
		if got["Direct, in the binary"][r[1]].version != r[2] && got["In tests only"][r[1]].version != r[2] {
			t.Errorf("go.mod requires %s %s: docs/dependencies.md does not list it", r[1], r[2])
		}
	}
}

// The bill of materials that a binary carries is the two tables of what is in
// it, each module with its digest.
func TestDependenciesAreInTheBinary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tl")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", file, "./cmd/tl")
	cmd.Dir = root()
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := documented(t)
	want := maps.Clone(got["Direct, in the binary"])
	maps.Copy(want, got["Indirect, in the binary"])
	for _, m := range info.Deps {
		if want[m.Path].version != m.Version || m.Sum == "" {
			t.Errorf("the binary holds %s %s with digest %q, the tables say %q", m.Path, m.Version, m.Sum, want[m.Path].version)
		}
		delete(want, m.Path)
	}
	for path := range want {
		t.Errorf("%s is in a table, and not in the binary", path)
	}
}

// phrases are what a licence's text says and no other's of these, but that
// the two BSD licences are told apart by the clause on names.
var phrases = map[string]*regexp.Regexp{
	"Apache-2.0":   regexp.MustCompile(`Apache License,?\s+Version 2\.0`),
	"BSD-2-Clause": regexp.MustCompile(`Redistribution and use in source and binary forms`),
	"BSD-3-Clause": regexp.MustCompile(`(?s)Redistribution and use in source and binary forms.*[Nn]either\s+the\s+name`),
	"CC-BY-4.0":    regexp.MustCompile(`Creative Commons Attribution 4\.0 International Public License`),
	"FTL":          regexp.MustCompile(`The FreeType License`),
	"MIT":          regexp.MustCompile(`Permission is hereby granted, free of charge, to any person obtaining a copy\s+of\s+this\s+software`),
	"MPL-2.0":      regexp.MustCompile(`Mozilla Public License Version 2\.0`),
	"OFL-1.1":      regexp.MustCompile(`SIL OPEN FONT LICENSE Version 1\.1`),
	// Not wanted at all; here so that a module that changes to one is noticed.
	"GPL":  regexp.MustCompile(`GNU (LESSER |AFFERO )?GENERAL PUBLIC LICENSE`),
	"BUSL": regexp.MustCompile(`Business Source License`),
}

// licences names what the texts in a module's folder say, sorted.
func licences(t *testing.T, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range files {
		if f.IsDir() || !regexp.MustCompile(`(?i)^(licen[cs]e|copying)`).MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for name, phrase := range phrases {
			if phrase.Match(text) {
				found[name] = true
			}
		}
	}
	if found["BSD-3-Clause"] {
		delete(found, "BSD-2-Clause")
	}
	return slices.Sorted(maps.Keys(found))
}

// The licence that the document names is the one that the module's own files
// are, and what is in the binary may be passed on under Apache-2.0.
func TestDependenciesLicences(t *testing.T) {
	got := documented(t)
	for heading, mods := range used(t) {
		for path, m := range mods {
			named := strings.Split(got[heading][path].licence, " AND ")
			slices.Sort(named)
			if is := licences(t, m.Dir); !slices.Equal(is, named) {
				t.Errorf("%s: docs/dependencies.md says licence %v, its files say %v", path, named, is)
			}
			if heading != "In tests only" && slices.ContainsFunc(named, func(l string) bool { return l == "MPL-2.0" || l == "GPL" || l == "BUSL" }) {
				t.Errorf("%s is in the binary and under %v", path, named)
			}
		}
	}
}
