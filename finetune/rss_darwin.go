package finetune

// maxrssUnit is the unit of Rusage.Maxrss in bytes: macOS counts bytes.
const maxrssUnit = 1

// resetPeakMemory does nothing: the peak is that of the whole process.
func resetPeakMemory() {}
