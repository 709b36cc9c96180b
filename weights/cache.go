package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tlkit/tl/onnx"
)

// Dir returns tl's own folder: $TL_HOME, or else "tl" in the system's cache
// folder. It need not exist.
func Dir() (string, error) {
	if home := os.Getenv("TL_HOME"); home != "" {
		return home, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for weights: %w (set TL_HOME)", err)
	}
	return filepath.Join(cache, "tl"), nil
}

// folder is dir, or the folder that weights are kept in by default.
func folder(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	home, err := Dir()
	return filepath.Join(home, "weights"), err
}

// Locate finds the file that a name of the catalogue stands for, in dir or,
// when dir is empty, in "weights" under Dir(): the preferred file of a network, else another
// trained file of it, else a file NAME.onnx put there by hand, for which the
// entry is zero. It looks at names and sizes only; see Verify. Nothing is
// fetched: a missing file is an error that says how to get it.
func Locate(name, dir string) (path string, e Entry, err error) {
	if dir, err = folder(dir); err != nil {
		return "", Entry{}, err
	}
	want, known := Lookup(name)
	if !known {
		return "", Entry{}, fmt.Errorf("no weights are known as %q: known are %s (or give the path of an .onnx file)", name, strings.Join(Names(), ", "))
	}
	if want.Refuse != "" {
		return "", Entry{}, fmt.Errorf("%s: %s", want.Name, want.Refuse)
	}
	for _, e := range candidates(name, want) {
		path := filepath.Join(dir, e.Name)
		switch info, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", Entry{}, err
		case e.Bytes > 0 && info.Size() != e.Bytes:
			return "", Entry{}, fmt.Errorf("%s has %d bytes, wanted %d (delete it and get it again: tl weights pull %s)", path, info.Size(), e.Bytes, name)
		case e.Bytes == 0:
			return path, Entry{}, nil
		}
		return path, e, nil
	}
	return "", Entry{}, fmt.Errorf("%s, %.0f MB, licence %s, is not in %s (tl weights pull %s gets it, --download does so on the way)", want.Name, float64(want.Bytes)/1e6, want.Licence, dir, name)
}

// candidates lists the entries that name may stand for, best first. The last
// one has no size: a file put there by hand.
func candidates(name string, want Entry) []Entry {
	list := []Entry{want}
	if name != want.Network {
		return list
	}
	for _, e := range Catalogue() {
		if e.Network == name && e.Name != want.Name && e.Refuse == "" && !e.Untrained {
			list = append(list, e)
		}
	}
	return append(list, Entry{Name: name + ".onnx"})
}

// Verify recognises a file by its digest, whatever its name. known is false for
// a file that is not in the catalogue. A file that bears the name of an entry
// but has another content is an error.
func Verify(path string) (e Entry, known bool, err error) {
	sum, err := onnx.Digest(path)
	if err != nil {
		return Entry{}, false, err
	}
	if e, known := LookupDigest(sum); known {
		return e, true, nil
	}
	for _, e := range Catalogue() {
		if e.Name == filepath.Base(path) {
			return Entry{}, false, fmt.Errorf("%s: SHA-256 is %s, wanted %s: damaged or another file", path, sum, e.SHA256)
		}
	}
	return Entry{}, false, nil
}
