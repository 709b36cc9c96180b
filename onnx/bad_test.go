package onnx

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// A good file in parts, for the tests to spoil.

func msg(num protowire.Number, parts ...[]byte) []byte {
	return appendMessage(nil, num, bytes.Join(parts, nil))
}
func text(num protowire.Number, s string) []byte  { return appendText(nil, num, s) }
func number(num protowire.Number, v int64) []byte { return appendInt(nil, num, v) }
func opset(domain string, version int64) []byte   { return msg(8, text(1, domain), number(2, version)) }
func node(op, in, out string, more ...[]byte) []byte {
	return msg(1, text(1, in), text(2, out), text(4, op), bytes.Join(more, nil))
}
func input(name string) []byte  { return msg(11, text(1, name), msg(2, msg(1, number(1, 1), msg(2)))) }
func output(name string) []byte { return msg(12, text(1, name), msg(2, msg(1, number(1, 1), msg(2)))) }

// file returns a model of IR 8, operator set 13, with a Relu and the given
// graph fields.
func file(graph ...[]byte) []byte {
	return version(8, 13, append(graph, input("x"), node("Relu", "x", "y"), output("y"))...)
}
func version(ir, set int64, graph ...[]byte) []byte {
	return slices.Concat(number(1, ir), opset("", set), msg(7, graph...))
}

// weight returns an initializer w of float32 with raw_data, and other fields.
func weight(dims []int64, raw string, more ...[]byte) []byte {
	return tensorOf(int64(Float), dims, append(more, text(9, raw))...)
}
func tensorOf(kind int64, dims []int64, more ...[]byte) []byte {
	t := slices.Concat(number(2, kind), text(8, "w"), bytes.Join(more, nil))
	for _, d := range dims {
		t = append(t, number(1, d)...)
	}
	return msg(5, t)
}
func externalData(pairs ...string) []byte {
	b := number(14, 1)
	for i := 0; i < len(pairs); i += 2 {
		b = append(b, msg(13, text(1, pairs[i]), text(2, pairs[i+1]))...)
	}
	return b
}
func attribute(name string, kind int64, more ...[]byte) []byte {
	return msg(5, text(1, name), number(20, kind), bytes.Join(more, nil))
}

// deep returns n nested messages.
func deep(n int) []byte {
	b := []byte{}
	for range n {
		b = msg(6, b)
	}
	return b
}

// Every bad file is an error that holds the words in want.
func TestBadFiles(t *testing.T) {
	good := file(weight([]int64{2}, "12345678"))
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"html", []byte("\n <!DOCTYPE html><html>"), "web page"},
		{"lfs", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0"), "Git LFS pointer"},
		{"zip", []byte("PK\x03\x04....archive/data.pkl"), "zip archive"},
		{"pickle", []byte("\x80\x02}q\x00(X"), "pickle"},
		{"new pickle", []byte("\x80\x05\x95"), "pickle"},
		{"S3 error", []byte("<?xml version=\"1.0\"?><Error><Code>AccessDenied"), "web page"},
		{"page without a type", []byte("<head><title>404"), "web page"},
		{"tar", append(make([]byte, 257), "ustar\x0000"...), "tar archive"},
		{"gzip", []byte("\x1f\x8b\x08\x00"), "gzip"},
		{"xz", []byte("\xfd7zXZ\x00"), "xz"},
		{"gguf", []byte("GGUF\x03\x00\x00\x00"), "GGUF"},
		{"PNG", []byte("\x89PNG\r\n\x1a\n"), "PNG image"},
		{"JPEG", []byte("\xff\xd8\xff\xe0"), "JPEG image"},
		{"tflite", []byte("\x1c\x00\x00\x00TFL3"), "TensorFlow Lite"},
		{"ort", []byte("\x08\x00\x00\x00ORTM"), ".ort"},
		{"hdf5", []byte("\x89HDF\r\n\x1a\n"), "HDF5"},
		{"safetensors", []byte("\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}"), "safetensors"},
		{"json", []byte(`{"irVersion": 8}`), "text"},
		{"noise", []byte("hello, world, this is nothing"), "wire type"},
		{"truncated", good[:len(good)-5], "truncated"},
		{"cut in the head", good[:3], "truncated"},
		{"trailing bytes", append(bytes.Clone(good), 0xff), "protobuf"},
		{"group", append(bytes.Clone(good), 0x0b, 0x0c), "wire type"},
		{"no graph", number(1, 8), "found 0"},
		{"two graphs", append(bytes.Clone(good), msg(7)...), "found 2"},
		{"empty graph", version(8, 13), "no outputs"},
		{"wrong wire type", msg(1, nil), "wire type"},
		{"not UTF-8", file(weight([]int64{2}, "12345678", text(8, "\xff\xfe"))), "UTF-8"},

		{"opset 5", version(8, 5, input("x"), node("Relu", "x", "y"), output("y")), "of operator set 5: it may have"},
		{"opset 23", version(8, 23, input("x"), output("x")), "wanted operator set version 1 to 22 (before 7 those"},
		{"no opset", slices.Concat(number(1, 8), msg(7, input("x"), output("x"))), "found 0"},
		{"IR 2", version(2, 13, input("x"), output("x")), "IR version 3 to 10, found 2"},
		{"IR 11", version(11, 13, input("x"), output("x")), "found 11"},
		{"functions", append(bytes.Clone(good), msg(25)...), "functions"},
		{"training", append(bytes.Clone(good), msg(20)...), "training"},

		{"too few bytes", file(weight([]int64{3}, "12345678")), `"w": shape (3) of float32 wants 12 bytes, found 8`},
		{"too many bytes", file(weight([]int64{1}, "12345678")), "wants 4 bytes, found 8"},
		{"ragged bytes", file(weight([]int64{2}, "1234567")), "wants 8 bytes, found 7"},
		{"negative axis", file(weight([]int64{-1}, "1234")), "negative axis"},
		{"huge axis", file(weight([]int64{1 << 40}, "1234")), `"w": shape`},
		{"overflow", file(weight([]int64{1 << 40, 1 << 40}, "1234")), "too many elements"},
		{"overflow to 0", file(weight([]int64{1 << 32, 1 << 32}, "")), "too many elements"},
		{"no elements", file(tensorOf(1, []int64{1 << 40})), "holds no elements"},
		{"stored twice", file(weight([]int64{1}, "1234", text(4, "1234"))), "stored twice"},
		{"int64 elements", file(tensorOf(7, []int64{1 << 40}, msg(7, []byte{1, 2, 3}))), "found at most 3"},
		{"many int64", file(tensorOf(7, []int64{2}, msg(7, []byte{1, 2, 3}))), "found more"},
		{"few int64", file(tensorOf(7, []int64{3}, msg(7, []byte{1, 0x80, 0x01}))), "wants 24 bytes, found 16"},
		{"broken varint", file(tensorOf(7, []int64{1}, msg(7, []byte{0x80}))), "integers"},
		{"many axes", file(weight(make([]int64, 65), "")), "more than 64 axes"},
		{"segment", file(weight([]int64{2}, "12345678", msg(3))), "segmented"},
		{"sparse", file(msg(15)), "sparse"},
		{"int8", file(tensorOf(3, []int64{1}, text(9, "1"))), "quantised"},
		{"int4", file(tensorOf(22, []int64{2}, text(9, "1"))), "quantised"},
		{"string", file(tensorOf(8, []int64{1}, text(6, "a"))), "type string are not supported"},
		{"complex", file(tensorOf(14, []int64{1}, text(9, "12345678"))), "complex64"},
		{"unknown type", file(tensorOf(99, []int64{1}, text(9, "1"))), "type 99"},
		{"no name", file(weight([]int64{2}, "12345678", text(8, ""))), "no name"},
		{"same name", file(weight(nil, "1234"), weight(nil, "1234")), `two initializers are called "w"`},

		{"cycle", version(8, 13, input("x"), node("Relu", "b", "a"), node("Neg", "a", "b"), output("b")), `cycle through or before "a" (Relu), "b" (Neg)`},
		{"self", version(8, 13, node("Relu", "a", "a"), output("a")), "cycle"},
		{"made twice", file(node("Neg", "x", "y")), `both make "y"`},
		{"input made", file(input("q"), node("Neg", "x", "q")), `output 0, "q", is already made`},
		{"dangling", file(node("Neg", "missing", "z")), `"z" (Neg): input 0, "missing"`},
		{"dangling output", file(output("z")), `graph output "z" is made by nothing`},
		{"output twice", file(output("y")), "listed twice"},
		{"two inputs", file(input("x")), `input "x"`},
		{"no outputs", version(8, 13, input("x"), node("Relu", "x", "y")), "no outputs"},
		{"node without outputs", file(msg(1, text(1, "x"), text(4, "Relu"))), "has no outputs"},
		{"node without operator", file(msg(1, text(2, "z"))), "no operator"},
		{"sequence", file(msg(11, text(1, "s"), msg(2, msg(4)))), `value "s": wanted a tensor`},

		{"foreign domain", file(node("FusedConv", "x", "z", text(3, "conv1"), text(7, "com.microsoft"))), `"conv1" (com.microsoft::FusedConv)`},
		{"quantised", file(node("QuantizeLinear", "x", "z", text(3, "q"))), `"q" (QuantizeLinear)`},
		{"If", file(node("If", "x", "z", attribute("then_branch", attrGraph, msg(6)))), `"z" (If): attribute "then_branch" is a subgraph`},
		{"deep subgraph", file(node("If", "x", "z", attribute("then_branch", attrGraph, deep(1<<12)))), "subgraph"},
		{"no attribute type", file(node("Relu", "x", "z", attribute("a", 0, number(3, 1)))), "found attribute type 0"},
		{"attribute tensors", file(node("Relu", "x", "z", attribute("a", 9))), "found attribute type 9"},
		{"attribute of a function", file(node("Relu", "x", "z", attribute("a", attrInt, text(21, "b")))), "function"},
		{"bad attribute", file(node("Relu", "x", "z", attribute("a", attrInt, text(3, "b")))), `attribute "a": field 3`},
		{"huge attribute", file(node("Relu", "x", "z", attribute("a", attrInts, msg(8, make([]byte, maxSkeleton))))), "MB of attributes"},
		{"bad packed ints", file(node("Relu", "x", "z", attribute("a", attrInts, msg(8, []byte{0x80})))), "onnx-go cannot decode"},
		{"bad attribute tensor", file(node("ConstantOfShape", "x", "z", attribute("value", attrTensor, msg(5, number(1, 1<<40), number(2, 1))))), "holds no elements"},
		{"empty Constant", file(msg(1, text(2, "c"), text(4, "Constant"))), "wanted one value"},
		{"text Constant", file(msg(1, text(2, "c"), text(4, "Constant"), attribute("value_string", attrString, text(4, "a")))), "text is not supported"},
		{"Constant and weight", file(weight(nil, "1234"), msg(1, text(2, "w"), text(4, "Constant"), attribute("value_int", attrInt, number(3, 1)))), "already a weight"},

		{"external missing", file(tensorOf(1, []int64{1}, externalData("location", "none.bin"))), "none.bin is missing beside the model"},
		{"external nowhere", file(tensorOf(1, []int64{1}, externalData())), "no location"},
		{"external above", file(tensorOf(1, []int64{1}, externalData("location", "../w.bin"))), "leads out"},
		{"external above inside", file(tensorOf(1, []int64{1}, externalData("location", "a/../../w.bin"))), "leads out"},
		{"external absolute", file(tensorOf(1, []int64{1}, externalData("location", "/etc/passwd"))), "relative"},
		{"external drive", file(tensorOf(1, []int64{1}, externalData("location", `C:w.bin`))), "relative"},
		{"external backslash", file(tensorOf(1, []int64{1}, externalData("location", `..\w.bin`))), "relative"},
		{"external NUL", file(tensorOf(1, []int64{1}, externalData("location", "w.bin\x00"))), "relative"},
		{"external folder", file(tensorOf(1, []int64{1}, externalData("location", "sub"))), "sub: wanted a regular file, found a folder"},
		{"external link", file(tensorOf(1, []int64{1}, externalData("location", "link"))), "symbolic link"},
		{"external below link", file(tensorOf(1, []int64{1}, externalData("location", "linked/w.bin"))), "symbolic link"},
		{"external past end", file(tensorOf(1, []int64{3}, externalData("location", "w.bin"))), "wanted 12 bytes from 0, the file has 8"},
		{"external offset", file(tensorOf(1, []int64{1}, externalData("location", "w.bin", "offset", "5"))), "from 5"},
		{"external offset -1", file(tensorOf(1, []int64{1}, externalData("location", "w.bin", "offset", "-1"))), "from -1"},
		{"external far offset", file(tensorOf(1, []int64{1}, externalData("location", "w.bin", "offset", "9223372036854775807"))), "from 92"},
		{"external length", file(tensorOf(1, []int64{1}, externalData("location", "w.bin", "length", "8"))), "wants 4 bytes, found length 8"},
		{"external words", file(tensorOf(1, []int64{1}, externalData("location", "w.bin", "offset", "ten"))), `offset is "ten", wanted a whole number`},
		{"external key", file(tensorOf(1, []int64{1}, externalData("location", "w.bin", "__class__", "x"))), "unknown key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Contains(c.name, "link") && runtime.GOOS == "windows" {
				return // making links needs a privilege there
			}
			path := filepath.Join(dir, "bad.onnx")
			writeAll(t, path, c.data)
			m, err := Read(path)
			if err == nil {
				m.Close()
				t.Fatalf("read without an error, wanted %q", c.want)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("error %q, wanted %q in it", err, c.want)
			}
			if !errors.As(err, new(ContentError)) {
				t.Errorf("%q is not marked as an error of the content", err)
			}
			t.Log(err)
		})
	}
}

// writeAll writes path, and beside it what the external data cases point at.
func writeAll(t *testing.T, path string, data []byte) {
	t.Helper()
	dir := filepath.Dir(path)
	check := func(err error) {
		if err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	check(os.WriteFile(path, data, 0o644))
	check(os.WriteFile(filepath.Join(dir, "w.bin"), []byte("12345678"), 0o644))
	check(os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	check(os.WriteFile(filepath.Join(dir, "sub", "w.bin"), []byte("12345678"), 0o644))
	if runtime.GOOS != "windows" {
		check(os.Symlink("w.bin", filepath.Join(dir, "link")))
		check(os.Symlink("sub", filepath.Join(dir, "linked")))
	}
}

// External data below the model's folder is read, at an offset.
func TestExternalBelow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	writeAll(t, path, file(tensorOf(int64(Float), []int64{1}, externalData("location", "./sub/w.bin", "offset", "4", "length", "4", "checksum", "0"))))
	m, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := string(m.Weights["w"].Raw); got != "5678" {
		t.Errorf("read %q, wanted 5678", got)
	}
}

// Fields that an attribute's type does not need never reach onnx-go, whose
// decoder descends without a limit.
func TestUnusedSubgraph(t *testing.T) {
	m := &Model{Path: "deep.onnx", Weights: map[string]*Tensor{}}
	if err := m.parse(file(node("Relu", "x", "z", attribute("a", attrInt, number(3, 5), deep(1<<12))))); err != nil {
		t.Fatal(err)
	}
	if m.Nodes[0].Int("a", 0) != 5 {
		t.Errorf("node %+v", m.Nodes[0])
	}
}

// Folders and missing files are named.
func TestReadNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none.onnx")} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Many nodes in the worst order are sorted in linear time.
func TestSortLong(t *testing.T) {
	graph := [][]byte{input("v0"), output("v9999")}
	for i := 9999; i > 0; i-- {
		graph = append(graph, node("Relu", "v"+strconv.Itoa(i-1), "v"+strconv.Itoa(i)))
	}
	m := &Model{Path: "long.onnx", Weights: map[string]*Tensor{}}
	if err := m.parse(version(8, 13, graph...)); err != nil {
		t.Fatal(err)
	}
	if len(m.Nodes) != 9999 || m.Nodes[0].Outputs[0] != "v1" || m.Nodes[9998].Outputs[0] != "v9999" {
		t.Errorf("%d nodes, first %v", len(m.Nodes), m.Nodes[0])
	}
}

// FuzzParse looks for panics and for models that cannot be written again.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.onnx")
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &Model{Path: filepath.Join("testdata", "fuzz.onnx"), Weights: map[string]*Tensor{}}
		defer m.Close()
		if m.parse(b) != nil {
			return
		}
		var first bytes.Buffer
		if err := Write(&first, m); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again := &Model{Path: m.Path, Weights: map[string]*Tensor{}}
		if err := again.parse(first.Bytes()); err != nil {
			t.Fatalf("written but not read: %v", err)
		}
		if u, err := Upgrade(m, MaxOpset); err == nil {
			if err := Write(&first, u); err != nil {
				t.Fatalf("upgraded but not written: %v", err)
			}
		}
	})
}
