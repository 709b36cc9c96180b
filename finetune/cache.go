package finetune

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/edsrzf/mmap-go"
	"github.com/x448/float16"

	"github.com/tlkit/tl/internal/atomicfile"
)

// cacheMagic opens a feature cache file. The layout, little-endian:
//
//	magic (8) | length of header (8) | header JSON | checks (8 a row) | zeros to a multiple of 64 | rows
//
// A row holds one image's features in the header's element type. Its check is
// CRC-32C(row) + 2^32 once the row is written and 0 before, so that an
// interrupted or damaged file shows which rows must be computed.
const cacheMagic = "tlfeat1\n"

// cacheHeader says what a cache file holds. Rows are in the order of Images.
type cacheHeader struct {
	Key    string   `json:"key"`    // source key
	Type   string   `json:"type"`   // "f16" or "f32"
	Shape  []int    `json:"shape"`  // of one row
	Images []string `json:"images"` // SHA-256 of each image file, ascending
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (h cacheHeader) rowSize() int {
	n := 1
	for _, d := range h.Shape {
		n *= d
	}
	return n
}

func (h cacheHeader) elementBytes() int {
	if h.Type == "f16" {
		return 2
	}
	return 4
}

func (h cacheHeader) rowBytes() int { return h.rowSize() * h.elementBytes() }

// fileName is the cache's name: the digest of the whole header.
func (h cacheHeader) fileName() string { return digest(h)[:32] + ".features" }

// preamble returns the bytes up to the checks.
func (h cacheHeader) preamble() []byte {
	js, err := json.Marshal(h)
	if err != nil {
		panic("finetune: cache header: " + err.Error()) // plain strings and numbers
	}
	b := append([]byte(cacheMagic), binary.LittleEndian.AppendUint64(nil, uint64(len(js)))...)
	return append(b, js...)
}

// layout returns the offsets of the checks and the rows and the file's length,
// in bytes.
func (h cacheHeader) layout() (checks, rows, total int64) {
	checks = int64(len(h.preamble()))
	rows = (checks + 8*int64(len(h.Images)) + 63) &^ 63
	return checks, rows, rows + int64(len(h.Images))*int64(h.rowBytes())
}

// featureFile is an open cache file.
type featureFile struct {
	cacheHeader
	path         string
	f            *os.File
	checks, rows int64
}

// openFeatureFile opens or creates path for the given header. A file that was
// made for another header is an error.
func openFeatureFile(path string, h cacheHeader) (*featureFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	c := &featureFile{cacheHeader: h, path: path, f: f}
	var total int64
	c.checks, c.rows, total = h.layout()
	if err := c.begin(total); err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

// begin writes the preamble of a new file, or compares that of an old one.
func (c *featureFile) begin(total int64) error {
	st, err := c.f.Stat()
	if err != nil {
		return err
	}
	want := c.preamble()
	got := make([]byte, len(want))
	_, err = c.f.ReadAt(got, 0)
	if st.Size() == total && err == nil && bytes.Equal(got, want) {
		return nil
	}
	if err := c.f.Truncate(0); err != nil { // another format, or cut off while it was begun
		return err
	}
	if _, err := c.f.WriteAt(want, 0); err != nil {
		return diskError(c.path, err)
	}
	return c.f.Truncate(total)
}

// missing returns the rows that are not there or do not fit their check.
func (c *featureFile) missing() ([]int, error) {
	var out []int
	check, row := make([]byte, 8), make([]byte, c.rowBytes())
	for i := range c.Images {
		if _, err := c.f.ReadAt(check, c.checks+8*int64(i)); err != nil {
			return nil, fmt.Errorf("%s: %w", c.path, err)
		}
		want := binary.LittleEndian.Uint64(check)
		if want == 0 {
			out = append(out, i)
			continue
		}
		if _, err := c.f.ReadAt(row, c.rows+int64(i)*int64(len(row))); err != nil {
			return nil, fmt.Errorf("%s: %w", c.path, err)
		}
		if want != rowCheck(row) {
			out = append(out, i)
		}
	}
	return out, nil
}

func rowCheck(row []byte) uint64 { return 1<<32 | uint64(crc32.Checksum(row, castagnoli)) }

// write stores row i, the features x of its image. A number that the element
// type cannot hold is an error.
func (c *featureFile) write(i int, x []float32) error {
	row := make([]byte, 0, c.rowBytes())
	for j, v := range x {
		if c.Type == "f16" {
			h := float16.Fromfloat32(v)
			if !h.IsFinite() {
				return fmt.Errorf("feature %d of image %s is %g: half precision cannot hold it (--cache f32 can)", j, c.Images[i][:12], v)
			}
			row = binary.LittleEndian.AppendUint16(row, h.Bits())
			continue
		}
		row = binary.LittleEndian.AppendUint32(row, math.Float32bits(v))
	}
	return c.put(i, row)
}

// put stores the bytes of row i.
func (c *featureFile) put(i int, row []byte) error {
	if _, err := c.f.WriteAt(row, c.rows+int64(i)*int64(len(row))); err != nil {
		return diskError(c.path, err)
	}
	check := binary.LittleEndian.AppendUint64(nil, rowCheck(row))
	if _, err := c.f.WriteAt(check, c.checks+8*int64(i)); err != nil {
		return diskError(c.path, err)
	}
	return nil
}

// finish makes the file safe on disk and gives it its final name.
func (c *featureFile) finish(path string) error {
	if err := c.f.Sync(); err != nil {
		return diskError(c.path, err)
	}
	if err := c.f.Close(); err != nil {
		return diskError(c.path, err)
	}
	return atomicfile.Rename(c.path, path)
}

// diskError says where writing failed, and what to do where the disk is full.
// It is nil for nil.
func diskError(path string, err error) error {
	if at := new(fs.PathError); errors.As(err, &at) {
		err = at.Err // path says it
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errDiskFull):
		return fmt.Errorf("%s: the disk is full: %w (free some space and go on: what is done is kept; --cache-dir and --runs choose another disk)", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// features are cached features, memory-mapped. They are safe for concurrent use.
type features struct {
	cacheHeader
	data mmap.MMap
	f    *os.File
	row  map[string]int // image SHA-256 → row

	checks, rows int64 // where they begin
}

// openFeatures maps a finished cache file that was made for the header h. A
// file that is damaged in any place is a damagedError.
func openFeatures(path string, h cacheHeader) (*features, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &features{cacheHeader: h, f: f}
	if err := c.open(path); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// damagedError says what is wrong with a cache file.
type damagedError struct{ what string }

func (e damagedError) Error() string { return e.what }

func (c *features) open(path string) error {
	st, err := c.f.Stat()
	if err != nil {
		return err
	}
	var total int64
	c.checks, c.rows, total = c.layout()
	if st.Size() != total {
		return damagedError{fmt.Sprintf("%s: %d bytes, wants %d", path, st.Size(), total)}
	}
	if c.data, err = mmap.Map(c.f, mmap.RDONLY, 0); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !bytes.HasPrefix(c.data, c.preamble()) {
		return damagedError{path + ": its header is not what its name says"}
	}
	c.row = make(map[string]int, len(c.Images))
	damaged := 0
	for i, s := range c.Images {
		c.row[s] = i
		if binary.LittleEndian.Uint64(c.data[c.checks+8*int64(i):]) != rowCheck(c.raw(i)) {
			damaged++
		}
	}
	if damaged > 0 {
		return damagedError{fmt.Sprintf("%s: %d of %d rows are damaged", path, damaged, len(c.Images))}
	}
	return nil
}

// raw returns the bytes of row i.
func (c *features) raw(i int) []byte {
	n := int64(c.rowBytes())
	return c.data[c.rows+int64(i)*n:][:n]
}

// read fills dst (rowSize) with the features of the image with that SHA-256.
func (c *features) read(dst []float32, sha string) error {
	i, ok := c.row[sha]
	if !ok {
		return fmt.Errorf("feature cache holds no image %s", sha)
	}
	raw := c.raw(i)
	if c.Type == "f16" {
		for j := range dst {
			dst[j] = half[binary.LittleEndian.Uint16(raw[2*j:])]
		}
		return nil
	}
	for j := range dst {
		dst[j] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:]))
	}
	return nil
}

func (c *features) close() error {
	var err error
	if c.data != nil {
		err = c.data.Unmap()
	}
	return errors.Join(err, c.f.Close())
}

// half is every float16 as float32: a look-up is faster than a conversion.
var half = func() *[1 << 16]float32 {
	t := new([1 << 16]float32)
	for i := range t {
		t[i] = float16.Frombits(uint16(i)).Float32()
	}
	return t
}()

// cachePath returns the final path of a cache file under dir.
func cachePath(dir string, h cacheHeader) (string, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no place for cached features: %w (name one with --cache-dir)", err)
		}
		dir = filepath.Join(user, "tl", "features")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return filepath.Join(dir, h.fileName()), nil
}
