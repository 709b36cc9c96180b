package peer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/tlkit/tl/internal/tensor"
)

var npyShape = regexp.MustCompile(`'descr': '<f4', 'fortran_order': False, 'shape': \(([0-9, ]*)\)`)

// ReadNPY reads a float32, C-ordered array in NumPy's format, version 1.
func ReadNPY(path string) (*tensor.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	head := make([]byte, 10)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	header := make([]byte, binary.LittleEndian.Uint16(head[8:]))
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	found := npyShape.FindStringSubmatch(string(header))
	if found == nil {
		return nil, fmt.Errorf("%s: want a NumPy file of float32 in C order, header is %q", path, header)
	}
	var shape tensor.Shape
	for _, axis := range strings.FieldsFunc(found[1], func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(axis)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		shape = append(shape, n)
	}
	x := tensor.New(shape...)
	if err := binary.Read(r, binary.LittleEndian, x.Data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// WriteNPY writes x so that numpy.load reads it.
func WriteNPY(path string, x *tensor.Tensor) error {
	axes := ""
	for _, n := range x.Shape {
		axes += strconv.Itoa(n) + ","
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", axes)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	b := []byte("\x93NUMPY\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	b, err := binary.Append(append(b, header...), binary.LittleEndian, x.Data)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
