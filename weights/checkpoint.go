package weights

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/atomicfile"
)

// A checkpoint is a safetensors file, so that other programs can read it:
//
//	8 bytes     length of the header, little-endian
//	header      JSON: {"__metadata__": {…}, "NAME": {"dtype": "F32", "shape": […], "data_offsets": [begin, end]}, …}
//	data        float32, little-endian, in the order of the offsets, without gaps
//
// Its metadata holds the format's version, the caller's Meta and the SHA-256 of
// the whole file, taken while the digest's own 64 characters are zeros.
const (
	checkpointVersion = "1"
	maxHeader         = 100 << 20 // bytes; the limit that safetensors itself sets
	noDigest          = "0000000000000000000000000000000000000000000000000000000000000000"
	digestKey         = `"tl.sha256":"`
)

// Array is a named block of float32 numbers.
type Array struct {
	Name  string
	Shape []int
	Data  []float32 // len is the product of Shape
}

// Checkpoint is what training needs to go on: arrays, and whatever else the
// caller wants to keep, as JSON.
type Checkpoint struct {
	Meta   json.RawMessage
	Arrays []Array
}

// Array returns the array called name, or nil.
func (c *Checkpoint) Array(name string) *Array {
	i := slices.IndexFunc(c.Arrays, func(a Array) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Arrays[i]
}

// arrayHeader describes one array in the file's header.
type arrayHeader struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"` // bytes from the start of the data
}

// SaveCheckpoint writes c to path. The file appears under its name only when it
// is complete and on the disk; a checkpoint that was there before stays until then.
func SaveCheckpoint(path string, c *Checkpoint) error {
	header, err := encodeHeader(c)
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	digest := sha256.New()
	writeCheckpoint(digest, header, c.Arrays) // a hash never fails
	sum := hex.EncodeToString(digest.Sum(nil))
	header = bytes.Replace(header, []byte(digestKey+noDigest), []byte(digestKey+sum), 1)
	return atomicfile.Write(path, func(w io.Writer) error { return writeCheckpoint(w, header, c.Arrays) })
}

// encodeHeader returns the header with a digest of zeros, padded with spaces to
// a multiple of eight bytes so that the data is aligned.
func encodeHeader(c *Checkpoint) ([]byte, error) {
	meta := c.Meta
	if meta == nil {
		meta = json.RawMessage("null")
	}
	header := map[string]any{"__metadata__": map[string]string{
		"tl.version": checkpointVersion, "tl.meta": string(meta), "tl.sha256": noDigest,
	}}
	var at int64
	for _, a := range c.Arrays {
		n, ok := product(a.Shape)
		if !ok || n != int64(len(a.Data)) {
			return nil, fmt.Errorf("array %q: %d numbers do not fill shape %v", a.Name, len(a.Data), a.Shape)
		}
		if _, twice := header[a.Name]; twice {
			return nil, fmt.Errorf("array %q is given twice", a.Name)
		}
		shape := append([]int{}, a.Shape...) // [] rather than null for a scalar
		header[a.Name] = arrayHeader{DType: "F32", Shape: shape, Offsets: [2]int64{at, at + 4*n}}
		at += 4 * n
	}
	b, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	return append(b, strings.Repeat(" ", (8-len(b)%8)%8)...), nil
}

// product returns the number of elements of shape; ok is false for a negative
// axis or a product that is no sensible number of float32.
func product(shape []int) (n int64, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt64/8/int64(d)) {
			return 0, false
		}
		n *= int64(d)
	}
	return n, true
}

// writeCheckpoint writes the three parts of the file.
func writeCheckpoint(w io.Writer, header []byte, arrays []Array) error {
	b := bufio.NewWriterSize(w, 1<<16)
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) // errors come back from Flush
	b.Write(header)
	for _, a := range arrays {
		for _, v := range a.Data {
			b.Write(binary.LittleEndian.AppendUint32(b.AvailableBuffer(), math.Float32bits(v)))
		}
	}
	return b.Flush()
}

// LoadCheckpoint reads what SaveCheckpoint wrote. A file that is cut off,
// damaged, of another version or no checkpoint at all is an error that says so.
func LoadCheckpoint(path string) (*Checkpoint, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(file)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return c, nil
}

// decodeCheckpoint checks and decodes a whole file. It overwrites the digest in it.
func decodeCheckpoint(file []byte) (*Checkpoint, error) {
	header, data, err := splitCheckpoint(file)
	if err != nil {
		return nil, err
	}
	entries := map[string]json.RawMessage{}
	if err := json.Unmarshal(header, &entries); err != nil {
		return nil, fmt.Errorf("no checkpoint of tl, or damaged: its header is no JSON (%v)", err)
	}
	var meta map[string]string
	if json.Unmarshal(entries["__metadata__"], &meta) != nil || meta["tl.version"] == "" {
		return nil, errors.New("no checkpoint of tl: it has no tl.version")
	}
	if v := meta["tl.version"]; v != checkpointVersion {
		return nil, fmt.Errorf("version %q, this program reads version %q", v, checkpointVersion)
	}
	delete(entries, "__metadata__")
	arrays, err := decodeArrays(entries, data)
	if err != nil {
		return nil, err
	}
	if err := checkDigest(file, header, meta["tl.sha256"]); err != nil {
		return nil, err
	}
	return &Checkpoint{Meta: json.RawMessage(meta["tl.meta"]), Arrays: arrays}, nil
}

// splitCheckpoint returns the views of the header and of the data.
func splitCheckpoint(file []byte) (header, data []byte, err error) {
	if len(file) < 8 {
		return nil, nil, fmt.Errorf("cut off: %d bytes", len(file))
	}
	n := binary.LittleEndian.Uint64(file)
	if n > maxHeader {
		return nil, nil, fmt.Errorf("no checkpoint of tl: a header of %d bytes is announced", n)
	}
	if n > uint64(len(file)-8) {
		return nil, nil, fmt.Errorf("cut off: %d bytes, the header alone has %d", len(file), n)
	}
	return file[8 : 8+n], file[8+n:], nil
}

// decodeArrays decodes all arrays in the order of their data, which must lie
// side by side and fill the file to its end.
func decodeArrays(entries map[string]json.RawMessage, data []byte) ([]Array, error) {
	type entry struct {
		name string
		arrayHeader
	}
	var list []entry
	for name, raw := range entries {
		e := entry{name: name}
		if err := json.Unmarshal(raw, &e.arrayHeader); err != nil {
			return nil, fmt.Errorf("array %q: damaged header: %v", name, err)
		}
		n, ok := product(e.Shape)
		if e.DType != "F32" || !ok || e.Offsets[0] < 0 || e.Offsets[1]-e.Offsets[0] != 4*n {
			return nil, fmt.Errorf("array %q: damaged header: %s of shape %v at %v", name, e.DType, e.Shape, e.Offsets)
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b entry) int {
		if a.Offsets != b.Offsets {
			return slices.Compare(a.Offsets[:], b.Offsets[:])
		}
		return strings.Compare(a.name, b.name)
	})
	var at int64
	arrays := make([]Array, 0, len(list))
	for _, e := range list {
		if e.Offsets[0] != at {
			return nil, fmt.Errorf("array %q starts at byte %d, wanted %d", e.name, e.Offsets[0], at)
		}
		if e.Offsets[1] > int64(len(data)) {
			return nil, fmt.Errorf("cut off: array %q ends at byte %d of %d", e.name, e.Offsets[1], len(data))
		}
		arrays = append(arrays, Array{Name: e.name, Shape: e.Shape, Data: decodeFloats(data[at:e.Offsets[1]])})
		at = e.Offsets[1]
	}
	if at != int64(len(data)) {
		return nil, fmt.Errorf("%d bytes too many", int64(len(data))-at)
	}
	return arrays, nil
}

// decodeFloats decodes little-endian float32.
func decodeFloats(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// checkDigest compares the file's digest with the one in its header.
func checkDigest(file, header []byte, want string) error {
	i := bytes.Index(header, []byte(digestKey+want))
	if i < 0 || len(want) != len(noDigest) {
		return errors.New("damaged: it has no digest")
	}
	copy(header[i+len(digestKey):], noDigest)
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != want {
		return errors.New("damaged: its content does not fit its digest")
	}
	return nil
}
