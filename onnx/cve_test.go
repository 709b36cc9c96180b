//go:build unix

package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refused is a model whose weight lies in external data, and why it is refused.
// The tests' folder holds model/ with w.bin of 8 bytes, and secret.bin beside
// model/, which no file may reach.
type refused struct {
	name  string
	graph []byte
	want  string
}

// outside are the holes that ONNX's readers of external data have had, one a
// CVE (github.com/onnx/onnx, security advisories), and what lies beside them.
var outside = []refused{
	{"CVE-2022-25882 parent", external("../secret.bin"), "leads out of the model's folder"},
	{"CVE-2022-25882 absolute", external("/etc/passwd"), "wanted a relative path"},
	{"CVE-2024-27318 parent behind a folder", external("sub/../../secret.bin"), "leads out of the model's folder"},
	{"CVE-2024-27318 parent that stays inside", external("sub/../w.bin"), "leads out of the model's folder"},
	{"CVE-2024-27319 past the end", tensorOf(1, []int64{3}, externalData("location", "w.bin")), "wanted 12 bytes from 0, the file has 8"},
	{"CVE-2024-27319 offset past the end", external("w.bin", "offset", "8"), "wanted 4 bytes from 8, the file has 8"},
	{"CVE-2024-27319 offset overflows", external("w.bin", "offset", "9223372036854775807"), "the file has 8"},
	{"CVE-2024-27319 offset below 0", external("w.bin", "offset", "-4"), "from -4"},
	{"CVE-2026-27489 folder is a symbolic link", external("up/secret.bin"), "up is a symbolic link"},
	{"CVE-2026-34447 symbolic link", external("linked.bin"), "linked.bin is a symbolic link"},
	{"CVE-2026-34446 hard link", external("hard.bin"), "hard.bin has 2 names (hard links), so it may belong outside of the model's folder (put a copy there: cp hard.bin hard.bin.copy && mv hard.bin.copy hard.bin)"},
	{"CVE-2026-34445 unknown key", external("w.bin", "__class__", "x"), `unknown key "__class__"`},
	{"CVE-2026-34445 key twice", external("w.bin", "location", "sub/w.bin"), `key "location" is given twice`},
	{"CVE-2026-34445 huge length", external("w.bin", "length", "9223372036854775807"), "the shape wants 4 bytes, found length 92"},
	{"CVE-2026-34445 huge shape", tensorOf(1, []int64{1 << 50}, externalData("location", "w.bin")), "the file has 8"},
	{"CVE-2026-34445 many keys", external("w.bin", "a", "", "b", "", "c", "", "d", "", "e", "", "f", "", "g", "", "h", "", "i", "", "j", ""), "more than 10 entries"},
	{"overlap", twice("0", "4", "2", "4"), "bytes 0 to 4 and 2 to 6 of two tensors overlap"},
	{"same bytes twice", twice("4", "4", "4", "4"), "bytes 4 to 8 and 4 to 8 of two tensors overlap"},
	{"same bytes by another path", append(external("w.bin"), weightOf("v", externalData("location", "./w.bin"))...), "overlap"},
	{"pipe", external("fifo"), "fifo: wanted a regular file, found a pipe"},
	{"folder", external("sub"), "sub: wanted a regular file, found a folder"},
	{"device", external("dev/zero"), "symbolic link"},
	{"UNC path", external(`\\host\share\w.bin`), "wanted a relative path"},
	{"UNC path with slashes", external("//host/share/w.bin"), "wanted a relative path"},
	{"drive", external("C:/w.bin"), "wanted a relative path"},
	{"NUL", external("w.bin\x00.txt"), "wanted a relative path"},
}

// external is a weight of one float32 at location, and further pairs.
func external(location string, more ...string) []byte {
	return tensorOf(int64(Float), []int64{1}, externalData(append([]string{"location", location}, more...)...))
}

// weightOf is a weight of one float32 called name.
func weightOf(name string, fields ...[]byte) []byte {
	return tensorOf(int64(Float), []int64{1}, append(fields, text(8, name))...)
}

// twice is two weights in w.bin.
func twice(offset, length, offset2, length2 string) []byte {
	return append(external("w.bin", "offset", offset, "length", length),
		weightOf("v", externalData("location", "w.bin", "offset", offset2, "length", length2))...)
}

// Nothing outside of the model's folder is read, in whatever way a file asks,
// and no byte twice.
func TestExternalDataIsConfined(t *testing.T) {
	dir := hostileFolder(t)
	path := filepath.Join(dir, "model.onnx")
	for _, c := range outside {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, file(c.graph), 0o644); err != nil {
				t.Fatal(err)
			}
			m, err := Read(path)
			if err == nil {
				m.Close()
				t.Fatalf("was read, wanted %q", c.want)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("error %q, wanted %q in it", err, c.want)
			}
			t.Log(err)
		})
	}
}

// Two weights beside each other in one file are read: what is refused above is
// refused for its own reason.
func TestExternalNeighbours(t *testing.T) {
	path := filepath.Join(hostileFolder(t), "model.onnx")
	if err := os.WriteFile(path, file(twice("4", "4", "0", "4")), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := fmt.Sprintf("%s%s", m.Weights["w"].Raw, m.Weights["v"].Raw); got != "56781234" {
		t.Errorf("read %q", got)
	}
}
