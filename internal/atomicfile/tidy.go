package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// suffix stands between a file's name and the digits of its temporary file.
const suffix = ".tl-tmp-"

// Pattern matches the names of temporary files: ".model.onnx.tl-tmp-123".
var Pattern = regexp.MustCompile(`^\..+\.tl-tmp-[0-9]+$`)

// Tidy removes from dir the temporary files of writers that did not live to
// rename or remove them. Those of writers that live, in this process or
// another, stay, as does all that has another name or is no regular file.
func Tidy(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if Pattern.MatchString(e.Name()) && e.Type().IsRegular() {
			err = errors.Join(err, tidy(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// tidy removes one file, unless its writer lives. One that goes meanwhile is
// no error.
func tidy(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return removeAbandoned(f)
}
