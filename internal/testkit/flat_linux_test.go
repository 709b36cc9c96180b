package testkit

import (
	"strings"
	"syscall"
	"testing"
)

// Memory outside of the heap that grows on is seen, one leap is not.
func TestFlatSeesResidentMemory(t *testing.T) {
	take := func(n int) {
		b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Munmap(b) })
		for i := 0; i < n; i += 4096 {
			b[i] = 1
		}
	}
	calls := 0
	for name, c := range map[string]struct {
		work func()
		want string
	}{
		"grows on": {func() { take(256 << 10) }, "resident memory"},
		"a leap": {func() {
			if calls++; calls == 50 {
				take(2 * residentSlack)
			}
		}, ""},
	} {
		r := &recorder{TB: t}
		Flat(r, "things", 100, 1, c.work)
		if found := strings.Join(r.failed, "; "); (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
			t.Errorf("%s: Flat found %q, want %q", name, found, c.want)
		}
	}
	if calls != 200 {
		t.Errorf("%d calls after a leap, want 200: twice", calls)
	}
}
