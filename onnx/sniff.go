package onnx

import (
	"bytes"
	"errors"
	"fmt"
)

// sniff tells files that people take for ONNX files by mistake. It returns nil
// when b may be an ONNX file.
func sniff(b []byte) error {
	head := b[:min(len(b), 512)]
	text := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))))
	switch {
	case len(b) == 0:
		return errors.New("the file is empty (fetch it again: the download went wrong)")
	case bytes.HasPrefix(text, []byte("version https://git-lfs")):
		return errors.New("this is a Git LFS pointer, not the ONNX file itself (fetch it with git lfs pull, or download it)")
	case bytes.HasPrefix(text, []byte("<!doctype")), bytes.HasPrefix(text, []byte("<html")), bytes.HasPrefix(text, []byte("<?xml")),
		bytes.HasPrefix(text, []byte("<head")), bytes.HasPrefix(text, []byte("<body")), bytes.HasPrefix(text, []byte("<!--")):
		return errors.New("this is a web page, not an ONNX file (fetch it again: the download went wrong)")
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("ir_version")):
		return errors.New("this is text, not a binary ONNX file (save the network with onnx.save, which writes binary files)")
	}
	for _, k := range foreign {
		if len(head) > k.at && bytes.HasPrefix(head[k.at:], []byte(k.magic)) {
			return fmt.Errorf("this is %s, not an ONNX file (%s)", k.what, k.remedy)
		}
	}
	return nil
}

// What to do with a file of another format.
const (
	exportFirst = "export the network to ONNX first"
	unpackFirst = "unpack it first"
	otherFile   = "give the path of the network's own file"
)

// foreign lists the magic bytes of other formats.
var foreign = []struct {
	at                  int
	magic, what, remedy string
}{
	{0, "PK\x03\x04", "a zip archive (a PyTorch .pt/.pth checkpoint, a .keras or .npz file?)", exportFirst},
	{0, "\x80\x02", "a Python pickle (an old PyTorch checkpoint?)", exportFirst},
	{0, "\x80\x03", "a Python pickle", exportFirst},
	{0, "\x80\x04", "a Python pickle", exportFirst},
	{0, "\x80\x05", "a Python pickle", exportFirst},
	{0, "\x89HDF", "an HDF5 file (Keras weights?)", "export the network with tf2onnx first"},
	{4, "TFL3", "a TensorFlow Lite file", "export the network with tf2onnx first"},
	{8, "{\"", "a safetensors file, which holds weights without a network", exportFirst},
	{0, "GGUF", "a GGUF file of a language model", otherFile},
	{257, "ustar", "a tar archive", unpackFirst},
	{0, "\xfd7zXZ", "xz-compressed", unpackFirst},
	{0, "BZh", "bzip2-compressed", unpackFirst},
	{0, "7z\xbc\xaf", "a 7z archive", unpackFirst},
	{0, "\x1f\x8b", "gzip-compressed", unpackFirst},
	{0, "\x89PNG", "a PNG image", otherFile},
	{0, "\xff\xd8\xff", "a JPEG image", otherFile},
	{0, "ORTM", "an ONNX Runtime (.ort) file", "use the .onnx file it was made from"},
	{4, "ORTM", "an ONNX Runtime (.ort) file", "use the .onnx file it was made from"},
}
