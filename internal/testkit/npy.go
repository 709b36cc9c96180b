package testkit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
)

var npyShape = regexp.MustCompile(`'shape': \(([^)]*)\)`)

// ReadNPY reads a float32, C-ordered array in NumPy's format, version 1.
func ReadNPY(t testing.TB, path string) *tensor.Tensor {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 10 || string(b[:8]) != "\x93NUMPY\x01\x00" {
		t.Fatalf("%s: no NumPy file of version 1", path)
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	header, data := string(b[10:10+n]), b[10+n:]
	if !strings.Contains(header, "'<f4'") || strings.Contains(header, "'fortran_order': True") {
		t.Fatalf("%s: wants float32 in C order, header is %s", path, header)
	}
	var shape tensor.Shape
	for _, f := range strings.Split(npyShape.FindStringSubmatch(header)[1], ",") {
		if f = strings.TrimSpace(f); f != "" {
			d, err := strconv.Atoi(f)
			if err != nil {
				t.Fatalf("%s: shape in %s: %v", path, header, err)
			}
			shape = append(shape, d)
		}
	}
	x := tensor.New(shape...)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, x.Data); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return x
}

// WriteNPY writes x so that numpy.load reads it.
func WriteNPY(t testing.TB, path string, x *tensor.Tensor) {
	t.Helper()
	dims := make([]string, len(x.Shape))
	for i, d := range x.Shape {
		dims[i] = strconv.Itoa(d) + ","
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", strings.Join(dims, ""))
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	b := bytes.NewBufferString("\x93NUMPY\x01\x00")
	_ = binary.Write(b, binary.LittleEndian, uint16(len(header))) // a buffer never fails
	b.WriteString(header)
	_ = binary.Write(b, binary.LittleEndian, x.Data)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
