// Package cgroup reads how much memory Linux's control groups leave to this
// process: a container's limit. Elsewhere there is none.
//
// Sources: cgroups(7), proc_pid_mountinfo(5), and of the kernel's documentation
// admin-guide/cgroup-v1/memory.rst and admin-guide/cgroup-v2.rst.
package cgroup

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
)

// None is the bytes where no limit is set or none can be read.
const None int64 = math.MaxInt64

// Memory is what the control groups of this process allow, in bytes: the least
// limit of its own group and of those above it, and the least that one of them
// has left, counting pages of files that the system would drop as free.
func Memory() (limit, free int64) { return memory(os.DirFS("/")) }

// version is where a version of control groups keeps its numbers.
type version struct {
	kind               string // of the file system
	limit, used, cache string // files; cache is a key of memory.stat
}

var versions = []version{
	{"cgroup2", "memory.max", "memory.current", "inactive_file"},
	{"cgroup", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
}

// memory is Memory of a machine whose files are root's.
func memory(root fs.FS) (limit, free int64) {
	limit, free = None, None
	for _, v := range versions {
		mount, dir, ok := v.group(root)
		for ; ok; dir = path.Dir(dir) {
			l, f := v.read(root, dir)
			limit, free = min(limit, l), min(free, f)
			ok = dir != mount && dir != "."
		}
	}
	return limit, free
}

// read is the limit of the group whose files are in dir, and what it has left.
func (v version) read(root fs.FS, dir string) (limit, free int64) {
	limit = number(root, path.Join(dir, v.limit))
	used := number(root, path.Join(dir, v.used))
	if limit == None || used == None {
		return limit, limit
	}
	return limit, max(0, limit-used+v.droppable(root, dir))
}

// droppable is the bytes of file pages that the group would drop for others.
func (v version) droppable(root fs.FS, dir string) (bytes int64) {
	for _, line := range lines(root, path.Join(dir, "memory.stat")) {
		if key, value, _ := strings.Cut(line, " "); key == v.cache {
			fmt.Sscan(value, &bytes)
		}
	}
	return bytes
}

// group is the folder of this process's memory group, and that of the topmost
// group which can be seen: the mount point. Paths are below root.
func (v version) group(root fs.FS) (mount, dir string, ok bool) {
	for _, line := range lines(root, "proc/self/mountinfo") {
		// 36 35 98:0 /root /mount/point rw,noatime master:1 - type source options
		before, after, _ := strings.Cut(line, " - ")
		at, what := strings.Fields(before), strings.Fields(after)
		if len(at) < 5 || len(what) < 3 || what[0] != v.kind || v.kind == "cgroup" && !lists(what[2], "memory") {
			continue
		}
		mount = strings.TrimPrefix(path.Clean(at[4]), "/")
		below, _ := strings.CutPrefix(v.path(root), strings.TrimSuffix(at[3], "/"))
		if strings.Contains(below, "..") { // the group lies outside of what is mounted here
			below = ""
		}
		dir = path.Join(mount, below)
		if _, err := fs.Stat(root, dir); err != nil { // as in a container that sees the host's paths
			dir = mount
		}
		return mount, dir, true
	}
	return "", "", false
}

// path is this process's memory group, as /proc/self/cgroup names it.
func (v version) path(root fs.FS) string {
	for _, line := range lines(root, "proc/self/cgroup") { // 4:memory:/a/b, of version 2 0::/a/b
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && (v.kind == "cgroup2" && f[0] == "0" && f[1] == "" || v.kind == "cgroup" && lists(f[1], "memory")) {
			return f[2]
		}
	}
	return ""
}

// lists reports whether word is one of a list with commas.
func lists(list, word string) bool { return strings.Contains(","+list+",", ","+word+",") }

// number is what a file holds; None where it is "max" or cannot be read.
func number(root fs.FS, name string) int64 {
	n := None
	if b, err := fs.ReadFile(root, name); err == nil {
		if _, err := fmt.Sscan(string(b), &n); err != nil || n < 0 {
			return None
		}
	}
	return n
}

// lines are those of a file, none where it cannot be read.
func lines(root fs.FS, name string) []string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}
