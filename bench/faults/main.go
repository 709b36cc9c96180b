// Command faults shows that tl loses nothing whatever happens to it: it builds
// tl, kills it (signal 9) at random moments of extraction, training, export and
// download, fills its disk, makes its folders read-only, takes images and
// memory away and starts two of it at once. After every fault it looks at every file that
// bears a final name, and at the epochs that were reported as finished; then
// the work goes on, and what it ends with is compared, byte by byte, with what
// an undisturbed tl made.
//
//	go run ./bench/faults               # 200 kills and all the rest, some minutes
//	go run ./bench/faults -kills 24     # a short version
//	go run ./bench/faults -seed 7       # the same random moments' seed again
//	go run ./bench/faults -only kill    # of kill, disk, read-only, images, memory, two
//	go run ./bench/faults -strict       # a row that is not possible here fails too
//
// It prints a table and ends with 1 where anything was lost. Cells and network
// are generated, in a temporary folder that goes away. Full and read-only disks
// need Linux and the right to mount (root, or user namespaces), where nothing of
// it is seen outside this process; memory limits need cgroups. Where the machine
// has none, the row says “not possible here” and why, and counts as nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/tlkit/tl/internal/report"
)

var (
	kills = flag.Int("kills", 200, "kills, over extraction, training, export and download")
	seed  = flag.Uint64("seed", 0, "of the random moments; 0 is a new one")
	only  = flag.String("only", "", "rows whose name contains this")

	strict = flag.Bool("strict", false, "fail where a row is not possible on this machine")
)

// fault is one way to disturb tl. It returns what it did in words; any problem
// that it finds goes to the scene.
type fault struct {
	name string
	do   func(*scene) (string, error)
}

// faults are all of them, in the order of the table.
func faults(kills int) []fault {
	pulls, exports := kills/5, kills/5
	return []fault{
		{"kill: extraction, training, writing", func(s *scene) (string, error) { return s.killRuns(kills - pulls - exports) }},
		{"kill: export", func(s *scene) (string, error) { return s.killExports(exports) }},
		{"kill: download", func(s *scene) (string, error) { return s.killPulls(pulls) }},
		{"disk: full while running", (*scene).fullDisk},
		{"disk: full while exporting", (*scene).fullDiskExport},
		{"disk: full while downloading", (*scene).fullDiskPull},
		{"read-only: folders", (*scene).readOnly},
		{"images: removed or changed after the scan", (*scene).images},
		{"memory: --max-memory", (*scene).maxMemory},
		{"memory: cgroup, as told beforehand", (*scene).cgroupRefusal},
		{"memory: cgroup", (*scene).cgroups},
		{"memory: ulimit -v", (*scene).ulimits},
		{"two: one run folder", (*scene).twoRuns},
		{"two: one cache, the first is killed", (*scene).twoExtractions},
		{"two: one download", (*scene).twoPulls},
	}
}

// errCannot is in the error of a fault that this machine does not allow.
var errCannot = errors.New("not possible here")

func main() {
	if js := os.Getenv(pullEnv); js != "" {
		os.Exit(pullChild(js))
	}
	flag.Parse()
	if code, done := inOwnMounts(); done {
		os.Exit(code)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1e6
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

// run makes the scene, does all faults and prints the table.
func run() error {
	fmt.Printf("seed %d\n", *seed)
	s, err := newScene(rand.New(rand.NewPCG(*seed, 0)))
	if err != nil {
		return err
	}
	defer s.close()
	t := &report.Table{Columns: []string{"fault", "what was done", "s", "problems"}, Align: "llrr"}
	problems, shown := 0, 0
	var impossible []string
	for _, f := range faults(*kills) {
		if !strings.Contains(f.name, *only) {
			continue
		}
		began, before := time.Now(), len(s.problems)
		what, err := f.do(s)
		if errors.Is(err, errCannot) {
			impossible = append(impossible, f.name)
			t.Add(f.name, err.Error(), "", "not tried")
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		shown++
		found := len(s.problems) - before
		problems += found
		t.Add(f.name, what, fmt.Sprintf("%.0f", time.Since(began).Seconds()), fmt.Sprint(found))
	}
	if err := t.Text(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("%d rows tried, %d not possible here, %d problems\n", shown, len(impossible), problems)
	if problems > 0 {
		return fmt.Errorf("%d problems (-seed %d shows them again):\n%s", problems, *seed, strings.Join(s.problems, "\n"))
	}
	return verdict(shown, impossible, *strict)
}

// verdict is the error of a table without problems that shows too little: no
// row at all, or, with strict, not every one.
func verdict(shown int, impossible []string, strict bool) error {
	switch {
	case shown == 0:
		return fmt.Errorf("no fault was tried: -only %q fits none that this machine can do", *only)
	case strict && len(impossible) > 0:
		return fmt.Errorf("-strict, and not possible here: %s", strings.Join(impossible, "; "))
	}
	return nil
}
