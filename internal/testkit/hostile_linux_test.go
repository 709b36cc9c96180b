package testkit

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What docs/hostile-files.md says that a file is answered with is what the test
// beside it prints; links, pipes and devices are made as on Linux.
func TestHostileFilesAreAnsweredAsListed(t *testing.T) {
	type row struct {
		command
		says []string
	}
	var rows []row
	var run, packages []string
	for line := range strings.Lines(document(t, "hostile-files.md")) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 {
			continue // no row
		}
		for _, c := range commands(line) {
			r := row{command: c}
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				r.says = append(r.says, m[1])
			}
			rows = append(rows, r)
			for _, e := range c.run {
				top, _, _ := strings.Cut(e, "/")
				run = append(run, top)
			}
			packages = append(packages, c.packages...)
		}
	}
	printed := outputs(t, run, packages)
	for _, r := range rows {
		var text strings.Builder
		for test, out := range printed {
			if slices.ContainsFunc(r.run, func(e string) bool { return picks(e, test) }) {
				text.WriteString(out)
			}
		}
		if text.Len() == 0 {
			t.Errorf("%s runs nothing", r.text)
		}
		for _, s := range r.says {
			if !strings.Contains(text.String(), s) {
				t.Errorf("%s does not print %q, it prints:\n%s", r.text, s, &text)
			}
		}
	}
	if len(rows) < 50 {
		t.Errorf("found %d rows only", len(rows))
	}
}

// outputs runs tests and returns what each, and each subtest, prints.
func outputs(t *testing.T, run, packages []string) map[string]string {
	t.Helper()
	slices.Sort(run)
	slices.Sort(packages)
	args := []string{"test", "-json", "-run", strings.Join(slices.Compact(run), "|")}
	cmd := exec.Command("go", append(args, slices.Compact(packages)...)...)
	cmd.Dir = root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	printed := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var event struct{ Test, Output string }
		if err := d.Decode(&event); err != nil {
			t.Fatal(err)
		}
		if event.Test != "" {
			printed[event.Test] += event.Output
		}
	}
	return printed
}
