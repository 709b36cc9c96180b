package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/edsrzf/mmap-go"
)

// externals opens the files beside a model that hold its weights. Nothing
// outside the model's folder is ever opened.
type externals struct {
	dir   string
	files map[string][]byte // memory maps by location
	taken []span            // what tensors have of them
	maps  *[]mmap.MMap      // grows by one for each file
}

// span is the bytes from … to-1 of the file at location.
type span struct {
	location string
	from, to int64
}

// compare orders spans by file and place.
func (s span) compare(t span) int {
	return cmp.Or(cmp.Compare(s.location, t.location), cmp.Compare(s.from, t.from), cmp.Compare(s.to, t.to))
}

// view returns the want bytes that a tensor's external_data entries point at.
func (x *externals) view(entries [][2]string, want int64) ([]byte, error) {
	location, offset, length := "", int64(0), want
	var err error
	for i, e := range entries {
		if slices.ContainsFunc(entries[:i], func(before [2]string) bool { return before[0] == e[0] }) {
			return nil, fmt.Errorf("external data: key %q is given twice", e[0])
		}
		switch e[0] {
		case "location":
			location = e[1]
		case "offset":
			offset, err = strconv.ParseInt(e[1], 10, 64)
		case "length":
			length, err = strconv.ParseInt(e[1], 10, 64)
		case "checksum": // SHA-1 of the whole file, not checked: the map is not read through here
		default:
			return nil, fmt.Errorf("external data: unknown key %q, wanted location, offset, length or checksum", e[0])
		}
		if err != nil {
			return nil, fmt.Errorf("external data: %s is %q, wanted a whole number", e[0], e[1])
		}
	}
	if length != want {
		return nil, fmt.Errorf("external data in %q: the shape wants %d bytes, found length %d", location, want, length)
	}
	data, err := x.open(location)
	if err != nil {
		return nil, fmt.Errorf("external data: %w", err)
	}
	if offset < 0 || offset > int64(len(data)) || length > int64(len(data))-offset {
		return nil, fmt.Errorf("external data in %q: wanted %d bytes from %d, the file has %d", location, length, offset, len(data))
	}
	if length > 0 {
		x.taken = append(x.taken, span{path.Clean(location), offset, offset + length})
	}
	return data[offset : offset+length : offset+length], nil
}

// checkOverlaps refuses bytes that two tensors share: so a file's weights never
// take more memory than its external data has bytes, whatever it says.
func (x *externals) checkOverlaps() error {
	slices.SortFunc(x.taken, span.compare)
	for i := 1; i < len(x.taken); i++ {
		if a, b := x.taken[i-1], x.taken[i]; a.location == b.location && b.from < a.to {
			return fmt.Errorf("external data in %q: bytes %d to %d and %d to %d of two tensors overlap (if they are meant to share, save the file anew with a copy for each)", a.location, a.from, a.to, b.from, b.to)
		}
	}
	return nil
}

// open maps the file at location, once.
func (x *externals) open(location string) ([]byte, error) {
	if data, ok := x.files[location]; ok {
		return data, nil
	}
	if err := checkLocation(location); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(x.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := refuseLinks(root, location); err != nil {
		return nil, err
	}
	f, err := root.Open(location)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if n, err := links(f); err != nil || n > 1 {
		return nil, cmp.Or(err, fmt.Errorf("%s has %d names (hard links), so it may belong outside of the model's folder (put a copy there: cp %[1]s %[1]s.copy && mv %[1]s.copy %[1]s)", location, n))
	}
	data, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", location, err)
	}
	if x.files == nil {
		x.files = map[string][]byte{}
	}
	x.files[location] = data
	*x.maps = append(*x.maps, data)
	return data, nil
}

// besideIt is what to do about a location that is refused.
const besideIt = "put that file into the model's folder and save the model anew with its plain name"

// checkLocation accepts only a plain slash-separated path below the folder.
func checkLocation(location string) error {
	switch {
	case location == "":
		return errors.New("no location given, wanted the path of a file beside the model")
	case strings.ContainsAny(location, "\\:\x00"), path.IsAbs(location):
		return fmt.Errorf("location %q: wanted a relative path with slashes ("+besideIt+")", location)
	case !fs.ValidPath(path.Clean(location)) || strings.Contains(location, ".."):
		return fmt.Errorf("location %q leads out of the model's folder ("+besideIt+")", location)
	}
	return nil
}

// refuseLinks reports whether any part of location is a symbolic link, or its
// end no regular file. A FIFO is so found before it is opened.
func refuseLinks(root *os.Root, location string) error {
	parts := strings.Split(path.Clean(location), "/")
	for i := range parts {
		part := path.Join(parts[:i+1]...)
		info, err := root.Lstat(part)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is missing beside the model (put it there: it holds weights, and belongs to the model)", part)
		}
		if err != nil {
			return err
		}
		switch mode := info.Mode(); {
		case mode&fs.ModeSymlink != 0:
			return fmt.Errorf("%s is a symbolic link, which may lead out of the model's folder (put what it points at in its place)", part)
		case i == len(parts)-1 && !mode.IsRegular():
			return fmt.Errorf("%s: wanted a regular file, found %s", part, kind(mode))
		}
	}
	return nil
}

// mapFile maps f read-only into memory; the map outlives f. The file must not
// be cut while it is mapped. An empty file has a nil map.
func mapFile(f *os.File) (mmap.MMap, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("wanted a file, found a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("wanted a regular file")
	case info.Size() > math.MaxInt:
		return nil, fmt.Errorf("%d bytes are too many for this machine's addresses", info.Size())
	case info.Size() == 0:
		return nil, nil
	}
	m, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("mapping into memory: %w", err)
	}
	return m, nil
}
