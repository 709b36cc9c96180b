package testkit

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reach names every package of the binary, outside Go's own library, that
// imports something with which a program can reach the network, start another
// program, load code or unpack an archive. The binary has no other.
var reach = map[string]string{
	module + "/weights":                 "net/http net/url", // Pull, behind `tl weights pull` and --download
	"github.com/schollz/progressbar/v3": "net/http",         // StartHTTPServer, which nothing calls: see below
}

// reachOn names what one system adds.
var reachOn = map[string]map[string]string{
	"windows": {"golang.org/x/sys/windows": "net"}, // for its types of addresses
}

// reaches tells the standard packages in question.
func reaches(path string) bool {
	return path == "net" || strings.HasPrefix(path, "net/") ||
		slices.Contains([]string{"os/exec", "plugin", "log/syslog", "expvar", "archive/tar", "archive/zip", "C"}, path)
}

// The binary can reach the network in one place, and can neither start a
// program nor load one nor unpack an archive, on any of the systems that it is built for.
func TestSurfaceOnlyTheDownloaderReachesTheNetwork(t *testing.T) {
	for _, system := range []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"} {
		goos, goarch, _ := strings.Cut(system, "/")
		found := map[string]string{}
		for _, p := range list(t, []string{"CGO_ENABLED=0", "GOOS=" + goos, "GOARCH=" + goarch}, "-deps", "./cmd/tl") {
			with := slices.DeleteFunc(p.Imports, func(i string) bool { return !reaches(i) })
			if !p.Standard && len(with) > 0 {
				found[p.ImportPath] = strings.Join(with, " ")
			}
		}
		want := maps.Clone(reach)
		maps.Copy(want, reachOn[goos])
		if !maps.Equal(found, want) {
			t.Errorf("%s: these packages can reach the network, start a program or unpack an archive:\n%v\nwanted:\n%v", system, found, want)
		}
	}
}

// What progressbar could serve, the ways around the imports above, and
// image.Decode, which takes any format that a dependency has registered (gonum's
// TIFF among them), stand in no file of ours that is not a test.
func TestSurfaceServesAndStartsNothing(t *testing.T) {
	forbidden := []string{"StartHTTPServer", "image.Decode", "os.StartProcess", "syscall.Exec", "syscall.ForkExec", "syscall.Socket", "unix.Exec", "unix.Socket", "unix.Connect", "//go:linkname"}
	files := 0
	for _, p := range list(t, nil, "-deps", "./cmd/tl") {
		if p.ImportPath != module && !strings.HasPrefix(p.ImportPath, module+"/") {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files++
			for _, f := range forbidden {
				if strings.Contains(string(text), f) {
					t.Errorf("%s/%s: %s", p.ImportPath, name, f)
				}
			}
		}
	}
	if files < 100 {
		t.Errorf("looked at %d files only", files)
	}
}
