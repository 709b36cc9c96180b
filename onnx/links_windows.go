package onnx

import (
	"os"
	"syscall"
)

// links is how many names the file system has for f.
func links(f *os.File) (int, error) {
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err != nil {
		return 0, err
	}
	return int(info.NumberOfLinks), nil
}
