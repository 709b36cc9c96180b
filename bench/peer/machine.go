package peer

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Machine describes the processor: model, cores and what matters of its
// instructions.
func Machine() string {
	model := procField("/proc/cpuinfo", "model name")
	flags := strings.Fields(procField("/proc/cpuinfo", "flags"))
	var has []string
	for _, f := range []string{"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"} {
		if slices.Contains(flags, f) {
			has = append(has, f)
		}
	}
	return fmt.Sprintf("%s, family %s model %s, %d cores, %s", model, procField("/proc/cpuinfo", "cpu family"),
		procField("/proc/cpuinfo", "model"), runtime.NumCPU(), strings.Join(has, " "))
}

// peakMemory is the bytes of the largest resident memory of this process so
// far, 0 where the system does not tell.
func peakMemory() int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(procField("/proc/self/status", "VmHWM"), " kB"), 10, 64)
	return kib << 10
}

// procField returns the first value of a name in a file of lines "name: value",
// "" where there is none.
func procField(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if n, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
