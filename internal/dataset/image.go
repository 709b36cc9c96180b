package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"strings"
)

// Image is a decoded picture.
type Image struct {
	W, H int
	Pix  []uint8 // (H,W,3) RGB
	Mode string  // as Item.Mode
}

// Limits caps what a picture may cost. The zero value means the defaults.
type Limits struct {
	Pixels int64 // W·H, read from the header before decoding; 0 = 50 million
	Bytes  int64 // size of the file; 0 = 256 MiB
}

// withDefaults fills in the caps that are not set.
func (l Limits) withDefaults() Limits {
	if l.Pixels <= 0 {
		l.Pixels = 50_000_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 256 << 20
	}
	return l
}

// Decode reads a PNG or JPEG file. See [DecodeBytes] for the rules.
func Decode(path string, l Limits) (*Image, error) {
	b, err := readFile(path, l)
	if err != nil {
		return nil, err
	}
	return DecodeBytes(path, b, l)
}

// DecodeBytes decodes a PNG or JPEG; name is only used in errors. The rules:
//
//   - what counts is the content, not the extension;
//   - grey becomes R=G=B, a palette its colours, CMYK is converted;
//   - transparency is laid on black, the background of segmented cells, and
//     rounded down;
//   - of 16 bits the high byte is kept;
//   - of an animation the first frame is taken;
//   - EXIF orientation and colour profiles are ignored: a cell has no up;
//   - width·height is read from the header and compared with l.Pixels, and
//     with what a file of this length can hold, before any pixel is decoded.
//
// Errors name the file and what is wrong with it; no content causes a panic.
func DecodeBytes(name string, b []byte, l Limits) (*Image, error) {
	im, err := decode(b, l.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return im, nil
}

// decode is DecodeBytes without the name.
func decode(b []byte, l Limits) (*Image, error) {
	config, full, err := decoders(b)
	if err != nil {
		return nil, err
	}
	c, err := config(bytes.NewReader(b))
	if err != nil {
		return nil, reason(err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return nil, fmt.Errorf("is %d×%d pixels, wanted at least 1×1", c.Width, c.Height)
	}
	if n := int64(c.Width) * int64(c.Height); n > l.Pixels {
		return nil, fmt.Errorf("is %d×%d = %d pixels, over the cap of %d", c.Width, c.Height, n, l.Pixels)
	}
	if need := leastBytes(b, int64(c.Width), int64(c.Height)); int64(len(b)) < need {
		return nil, fmt.Errorf("is truncated: its header says %d×%d pixels, which take %d bytes at the least; there are %d", c.Width, c.Height, need, len(b))
	}
	src, err := full(bytes.NewReader(b))
	if err != nil {
		return nil, reason(err)
	}
	return toRGB(src, mode(c.ColorModel)), nil
}

// leastBytes is the least that a file of w×h pixels can have, so that a few
// bytes cannot ask for the memory of a large picture:
//
//   - of PNG, deflate packs at most 1032 bytes into one (a match of 258 takes two
//     bits at the least), and a row is a filter byte and its pixels;
//   - of JPEG, every 8×8 block takes a bit at the least.
//
// b begins with a header that DecodeConfig understood.
func leastBytes(b []byte, w, h int64) int64 {
	if sniff(b) == "JPEG" {
		return w * h / (64 * 8)
	}
	depth, kind := int64(b[24]), b[25] // of IHDR, the first chunk
	samples := [...]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
	return h * (1 + w*depth*samples[kind]/8) / 1032
}

// readFile reads a regular file of at most l.Bytes.
func readFile(path string, l Limits) ([]byte, error) {
	l = l.withDefaults()
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is no regular file", path)
	}
	if st.Size() > l.Bytes {
		return nil, fmt.Errorf("%s: is %d bytes, over the cap of %d", path, st.Size(), l.Bytes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 0, st.Size()+1) // one more, so that the end is met without growing
	buf := bytes.NewBuffer(b)
	if _, err := io.Copy(buf, io.LimitReader(f, l.Bytes)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return buf.Bytes(), nil
}

// decoders picks by the first bytes, or says what the file is instead.
func decoders(b []byte) (func(io.Reader) (image.Config, error), func(io.Reader) (image.Image, error), error) {
	switch kind := sniff(b); kind {
	case "PNG":
		return png.DecodeConfig, png.Decode, nil
	case "JPEG":
		return jpeg.DecodeConfig, jpeg.Decode, nil
	case "empty":
		return nil, nil, errors.New("is empty (0 bytes)")
	case "":
		return nil, nil, errors.New("is neither PNG nor JPEG")
	default:
		return nil, nil, fmt.Errorf("is %s, not PNG or JPEG", kind)
	}
}

// magics are the first bytes of files that are met under a picture's name.
var magics = []struct{ start, kind string }{
	{"\x89PNG\r\n\x1a\n", "PNG"},
	{"\xff\xd8\xff", "JPEG"},
	{"version https://git-lfs", "a Git LFS pointer (fetch the file with git lfs pull)"},
	{"GIF8", "a GIF"},
	{"BM", "a BMP"},
	{"II*\x00", "a TIFF"},
	{"MM\x00*", "a TIFF"},
	{"PK\x03\x04", "a zip archive"},
	{"%PDF", "a PDF"},
	{"<!DOCTYPE", "a web page"},
	{"<!doctype", "a web page"},
	{"<html", "a web page"},
}

// sniff names the kind of a file by its first bytes; "" = unknown.
func sniff(b []byte) string {
	if len(b) == 0 {
		return "empty"
	}
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.start)) {
			return m.kind
		}
	}
	if len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP" {
		return "a WebP"
	}
	return ""
}

// reason puts a decoder's error into words that a user can act on.
func reason(err error) error {
	says := func(words string) bool { return strings.Contains(err.Error(), words) }
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		says("unexpected EOF"), says("short Huffman data"), says("not enough pixel data"):
		return errors.New("is truncated: the file ends before the picture does")
	case says("unsupported") && !says("dimension overflow"):
		return fmt.Errorf("is of a kind that is not read (%w); save it as a plain RGB PNG", err)
	}
	return fmt.Errorf("is damaged: %w", err)
}

// mode names how a file stores its pixels.
func mode(m color.Model) string {
	switch m {
	case color.GrayModel:
		return "grey"
	case color.Gray16Model:
		return "grey16"
	case color.NRGBAModel:
		return "rgba"
	case color.NRGBA64Model:
		return "rgba16"
	case color.RGBA64Model:
		return "rgb16"
	case color.CMYKModel:
		return "cmyk"
	}
	if _, ok := m.(color.Palette); ok {
		return "palette"
	}
	return "rgb"
}

// toRGB converts any picture to (H,W,3) bytes. Premultiplied colours are
// colours laid on black, so alpha needs no further arithmetic.
func toRGB(src image.Image, mode string) *Image {
	r := src.Bounds()
	im := &Image{W: r.Dx(), H: r.Dy(), Mode: mode, Pix: make([]uint8, 3*r.Dx()*r.Dy())}
	rgba, ok := src.(*image.RGBA)
	if !ok {
		rgba = image.NewRGBA(r)
		draw.Draw(rgba, r, src, r.Min, draw.Src)
	}
	for y := range im.H {
		dst, row := im.Pix[3*y*im.W:3*(y+1)*im.W], rgba.Pix[y*rgba.Stride:]
		for x := range im.W {
			copy(dst[3*x:3*x+3], row[4*x:4*x+3])
		}
	}
	return im
}
