package onnx

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fat is a tensor whose shape says a lot and whose store is of the given field.
func fat(kind DataType, num protowire.Number, dims ...int64) []byte {
	return tensorOf(int64(kind), dims, msg(num, []byte{1, 2, 3}))
}

// liar is field num of wire type 2 that says it has n bytes and has none.
func liar(num protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), n)
}

// greedy are small files that say that something in them is huge.
var greedy = map[string][]byte{
	"int64 elements":   file(fat(Int64, 7, 1<<40)),
	"int32 elements":   file(fat(Int32, 5, 1<<33)),
	"float elements":   file(fat(Float, 4, 1<<40)),
	"raw bytes":        file(fat(Float, 9, 1<<40)),
	"half elements":    file(fat(Float16, 5, 1<<40)),
	"no store":         file(tensorOf(1, []int64{1 << 40})),
	"external shape":   file(tensorOf(1, []int64{1 << 40}, externalData("location", "w.bin"))),
	"external length":  file(tensorOf(1, []int64{1 << 40}, externalData("location", "w.bin", "length", "4398046511104"))),
	"long graph":       slices.Concat(number(1, 8), liar(7, 1<<40)),
	"long producer":    slices.Concat(number(1, 8), liar(2, 1<<62)),
	"long node":        slices.Concat(number(1, 8), msg(7, liar(1, 1<<40))),
	"long initializer": slices.Concat(number(1, 8), msg(7, liar(5, 1<<40))),
	"long raw":         file(msg(5, number(2, 1), text(8, "w"), number(1, 1<<40), liar(9, 1<<42))),
	"long attribute":   file(node("Relu", "x", "z", liar(5, 1<<40))),
	"packed ints":      file(node("Relu", "x", "z", attribute("a", attrInts, liar(8, 1<<40)))),
	"length overflow":  slices.Concat(number(1, 8), liar(7, 1<<64-1)),
}

// No length that a file tells is allocated before it is known to be there: a
// small file costs little memory, whatever it says of itself.
func TestLengthsAreNotTrusted(t *testing.T) {
	const most = 1 << 20 // bytes
	path := filepath.Join(t.TempDir(), "greedy.onnx")
	for name, b := range greedy {
		writeAll(t, path, b)
		if used := allocated(func() {
			if m, err := Read(path); err == nil {
				m.Close()
				t.Errorf("%s: was read", name)
			}
		}); used > most {
			t.Errorf("%s: a file of %d bytes took %d bytes of memory, wanted at most %d", name, len(b), used, most)
		}
	}
}

// allocated is the bytes that f allocates, freed since or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What a file repeats is counted: each of these files would cost far more than
// its size, or is no network.
func TestCaps(t *testing.T) {
	many := func(n int, b []byte) []byte { return bytes.Repeat(b, n) }
	entries := make([]byte, 0, 1<<20)
	for i := range maxEntries + 1 {
		entries = append(entries, msg(14, text(1, fmt.Sprint(i)))...)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"connections":          {file(msg(1, text(4, "Sum"), many(2000, text(1, "x")), many(2000, text(2, "")))), "has 2000 inputs and 2000 outputs: more than 1048576 connections"},
		"connections of many":  {file(many(300, msg(1, text(4, "Sum"), many(100, text(1, "x")), many(100, text(2, ""))))), "connections"},
		"nodes":                {file(many(maxNodes+1, msg(1, text(2, ""), text(4, "R")))), "more than 200000 nodes"},
		"inputs":               {file(many(maxValues+1, msg(11, nil))), "more than 200000 inputs or outputs"},
		"a long name":          {file(node("Relu", "x", strings.Repeat("z", maxText+1))), "a text of 4194305 bytes"},
		"metadata":             {append(file(), entries...), "more than 10000 entries of metadata"},
		"a long metadata text": {append(file(), msg(14, text(1, "k"), text(2, strings.Repeat("z", maxText+1)))...), "a text of 4194305 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "big.onnx")
			if err := os.WriteFile(path, c.data, 0o644); err != nil {
				t.Fatal(err)
			}
			m, err := Read(path)
			if err == nil {
				m.Close()
				t.Fatal("was read")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %.300q, wanted %q", err, c.want)
			}
			t.Log(err)
		})
	}
}
