package cgroup

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	mountV1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n35 31 0:32 %ROOT /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
	mountV2 = "31 23 0:28 %ROOT /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
)

// machine makes a file system of pairs of name and content.
func machine(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return m
}

func mounted(text, root string) string { return strings.ReplaceAll(text, "%ROOT", root) }

// The least limit of all groups from the process's own up to the mount counts,
// in both versions, however a container has mounted them.
func TestMemory(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		files       fstest.MapFS
		limit, free int64
	}{
		"no control groups": {machine(), None, None},
		"version 2, the group above has less": {machine(
			"proc/self/mountinfo", mounted(mountV2, "/"), "proc/self/cgroup", "0::/user.slice/job\n",
			"sys/fs/cgroup/user.slice/job/memory.max", "max\n", "sys/fs/cgroup/user.slice/job/memory.current", "1048576\n",
			"sys/fs/cgroup/user.slice/memory.max", "268435456\n", "sys/fs/cgroup/user.slice/memory.current", "104857600\n",
			"sys/fs/cgroup/user.slice/memory.stat", "anon 5\ninactive_file 10485760\nslab 3\n"), 256 * mib, 166 * mib},
		"version 2, a container with its own names": {machine(
			"proc/self/mountinfo", mounted(mountV2, "/"), "proc/self/cgroup", "0::/\n",
			"sys/fs/cgroup/memory.max", "134217728\n", "sys/fs/cgroup/memory.current", "134217728\n"), 128 * mib, 0},
		"version 2, no limit": {machine(
			"proc/self/mountinfo", mounted(mountV2, "/"), "proc/self/cgroup", "0::/a\n", "sys/fs/cgroup/a/memory.max", "max\n"), None, None},
		"version 1, the group itself has less": {machine(
			"proc/self/mountinfo", mounted(mountV1, "/"), "proc/self/cgroup", "5:devices:/\n4:cpu,memory:/a/b\n0::/\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "67108864\n", "sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "1048576\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "134217728\n", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"), 64 * mib, 63 * mib},
		"version 1, a container that sees the host's path": {machine(
			"proc/self/mountinfo", mounted(mountV1, "/docker/7f"), "proc/self/cgroup", "4:memory:/docker/7f\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"), 64 * mib, 64 * mib},
		"version 1, a path that is not mounted": {machine(
			"proc/self/mountinfo", mounted(mountV1, "/"), "proc/self/cgroup", "4:memory:/docker/7f\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"), 64 * mib, 64 * mib},
		"version 2, a group outside": {machine(
			"proc/self/mountinfo", mounted(mountV2, "/"), "proc/self/cgroup", "0::/../other\n",
			"sys/fs/cgroup/memory.max", "67108864\n"), 64 * mib, 64 * mib},
		"nonsense": {machine("proc/self/mountinfo", "a b\n - cgroup2\n"+mounted(mountV2, "/"), "proc/self/cgroup", "::\nx", "sys/fs/cgroup/memory.max", "-7"), None, None},
	} {
		if limit, free := memory(c.files); limit != c.limit || free != c.free {
			t.Errorf("%s: limit %d, free %d, wanted %d and %d", name, limit, free, c.limit, c.free)
		}
	}
}

// What this machine's own files say is no nonsense.
func TestMemoryHere(t *testing.T) {
	limit, free := Memory()
	if limit <= 0 || free < 0 || free > limit {
		t.Errorf("limit %d, free %d", limit, free)
	}
	if _, err := os.Stat(filepath.FromSlash("/proc/self/cgroup")); err != nil && runtime.GOOS != "linux" && limit != None {
		t.Errorf("limit %d without control groups", limit)
	}
}
