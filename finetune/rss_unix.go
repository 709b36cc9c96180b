//go:build unix && !darwin

package finetune

import "os"

// maxrssUnit is the unit of Rusage.Maxrss in bytes: Linux and the BSDs count KiB.
const maxrssUnit = 1024

// resetPeakMemory starts peakMemory anew, so that the arms of a comparison are
// told apart; proc(5) has it as writing 5 to clear_refs. Where that cannot be
// done the peak is that of the whole process, which is never too small.
func resetPeakMemory() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
