package testkit

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// command is a go test command that a document names: the alternatives of its
// -run expression and the packages.
type command struct {
	text     string
	run      []string // empty for all tests
	packages []string
}

// commands finds the go test commands in a text. In a table, the bars of an
// expression are escaped.
func commands(text string) (all []command) {
	for _, m := range regexp.MustCompile("`[^`\n]*\\bgo test( [^`\n]*)`").FindAllStringSubmatch(text, -1) {
		c := command{text: strings.Trim(m[0], "`")}
		words := strings.Fields(m[1])
		for i, w := range words {
			switch {
			case w == "-run":
				c.run = strings.Split(strings.ReplaceAll(strings.Trim(words[i+1], "'"), `\|`, "|"), "|")
			case strings.HasPrefix(w, "./"):
				c.packages = append(c.packages, w)
			}
		}
		all = append(all, c)
	}
	return all
}

// picks reports whether go test runs the test, or subtest, for an alternative
// of its -run expression.
func picks(expression, test string) bool {
	want, have := strings.Split(expression, "/"), strings.Split(test, "/")
	for i, w := range want {
		if i >= len(have) || !regexp.MustCompile(w).MatchString(have[i]) {
			return false
		}
	}
	return true
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every go test command that the documents name runs something: each of its
// alternatives is a test of one of its packages, and each package has one.
func TestDocumentedCommandsExist(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	n := 0
	for _, name := range []string{"trust.md", "hostile-files.md"} {
		for _, c := range commands(document(t, name)) {
			n++
			used := map[string]bool{}
			for _, p := range c.packages {
				files, err := filepath.Glob(filepath.Join(root(), p, "*_test.go"))
				if p != "./..." && (err != nil || len(files) == 0) {
					t.Errorf("docs/%s, %s: %s has no tests", name, c.text, p)
				}
				found := len(c.run) == 0
				for _, f := range files {
					text, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range declared.FindAllSubmatch(text, -1) {
						for _, r := range c.run {
							if top, _, _ := strings.Cut(r, "/"); picks(top, string(m[1])) {
								found, used[r] = true, true
							}
						}
					}
				}
				if !found {
					t.Errorf("docs/%s, %s: %s has no such test", name, c.text, p)
				}
			}
			for _, r := range c.run {
				if !used[r] {
					t.Errorf("docs/%s, %s: no test is called %s", name, c.text, r)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("found %d commands only", n)
	}
}
