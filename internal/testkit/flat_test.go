package testkit

import (
	"strings"
	"testing"
)

// recorder is a testing.TB that keeps what fails.
type recorder struct {
	testing.TB
	failed []string
}

func (r *recorder) Helper()                        {}
func (r *recorder) Logf(string, ...any)            {}
func (r *recorder) Errorf(format string, _ ...any) { r.failed = append(r.failed, format) }

// Flat sees a goroutine that stays and a heap that grows, and nothing else.
func TestFlat(t *testing.T) {
	var kept [][]byte
	stop := make(chan bool)
	defer close(stop)
	for name, c := range map[string]struct {
		work func()
		want string
	}{
		"nothing": {func() {}, ""},
		"heap":    {func() { kept = append(kept, make([]byte, 32<<10)) }, "live heap"},
		"threads": {func() { go func() { <-stop }() }, "goroutines"},
	} {
		r := &recorder{TB: t}
		Flat(r, "things", 100, 1, c.work)
		if found := strings.Join(r.failed, "; "); (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
			t.Errorf("%s: Flat found %q, want %q", name, found, c.want)
		}
	}
	if len(kept) != 100 {
		t.Errorf("%d pieces kept, want 100", len(kept))
	}
}
