package finetune

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// reuse fills rows from finished files in the same folder that hold the same
// images, e.g. of the same set before some were added, and returns the rows
// that are still missing. Files that do not fit or are damaged are passed over.
func (x extraction) reuse(c *featureFile, missing []int) ([]int, error) {
	others, err := os.ReadDir(filepath.Dir(c.path))
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if len(missing) == 0 || !strings.HasSuffix(other.Name(), ".features") {
			continue
		}
		path := filepath.Join(filepath.Dir(c.path), other.Name())
		h, err := readCacheHeader(path)
		if err != nil || h.Key != c.Key || h.Type != c.Type || !slices.Equal(h.Shape, c.Shape) {
			continue
		}
		before := len(missing)
		if missing, err = c.copyFrom(path, h, missing); err != nil {
			return nil, err
		}
		if n := before - len(missing); n > 0 {
			x.p.Note(fmt.Sprintf("features: %d images were computed before, in %s", n, path))
		}
	}
	return missing, nil
}

// copyFrom copies the rows that the finished file path holds, and returns the
// others.
func (c *featureFile) copyFrom(path string, h cacheHeader, rows []int) (left []int, err error) {
	from, err := openFeatures(path, h)
	if err != nil {
		return rows, nil
	}
	defer from.close()
	for _, i := range rows {
		j, ok := from.row[c.Images[i]]
		if !ok {
			left = append(left, i)
			continue
		}
		if err := c.put(i, from.raw(j)); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// readCacheHeader reads what the cache file path holds.
func readCacheHeader(path string) (cacheHeader, error) {
	var h cacheHeader
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	start := make([]byte, len(cacheMagic)+8)
	if _, err := io.ReadFull(f, start); err != nil {
		return h, err
	}
	st, err := f.Stat()
	if err != nil {
		return h, err
	}
	n := binary.LittleEndian.Uint64(start[len(cacheMagic):])
	if string(start[:len(cacheMagic)]) != cacheMagic || n > uint64(st.Size()) {
		return h, fmt.Errorf("%s: is no feature cache", path)
	}
	js := make([]byte, n)
	if _, err := io.ReadFull(f, js); err != nil {
		return h, err
	}
	if err := json.Unmarshal(js, &h); err != nil {
		return h, fmt.Errorf("%s: is no feature cache: %w", path, err)
	}
	return h, h.check(st.Size())
}

// check returns an error where no file of size bytes can be a cache of h.
func (h cacheHeader) check(size int64) error {
	numbers := int64(1)
	for _, d := range h.Shape {
		if d < 1 || int64(d) > size/numbers {
			return fmt.Errorf("rows of shape %v in a file of %d bytes", h.Shape, size)
		}
		numbers *= int64(d)
	}
	for _, sha := range h.Images {
		if b, err := hex.DecodeString(sha); err != nil || len(b) != sha256.Size {
			return fmt.Errorf("image %.70q is no SHA-256", sha)
		}
	}
	if h.Type != "f16" && h.Type != "f32" {
		return fmt.Errorf("elements of type %q", h.Type)
	}
	return nil
}
