package dataset

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// encode writes a picture as PNG.
func encode(t testing.TB, im image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// filled returns a 3×2 picture of one colour.
func filled[T interface {
	image.Image
	Set(x, y int, c color.Color)
}](im T, c color.Color) T {
	for y := range 2 {
		for x := range 3 {
			im.Set(x, y, c)
		}
	}
	return im
}

func TestDecodeRules(t *testing.T) {
	r := image.Rect(0, 0, 3, 2)
	palette := image.NewPaletted(r, color.Palette{color.RGBA{9, 8, 7, 255}, color.NRGBA{200, 100, 50, 128}})
	for _, c := range []struct {
		mode string
		im   image.Image
		want [3]uint8
	}{
		{"grey", filled(image.NewGray(r), color.Gray{77}), [3]uint8{77, 77, 77}},
		{"grey16", filled(image.NewGray16(r), color.Gray16{0x12ff}), [3]uint8{0x12, 0x12, 0x12}},
		{"rgb", filled(image.NewRGBA(r), color.RGBA{1, 2, 255, 255}), [3]uint8{1, 2, 255}},
		{"rgb16", filled(image.NewRGBA64(r), color.RGBA64{0x01ff, 0x0200, 0xffff, 0xffff}), [3]uint8{1, 2, 255}},
		{"rgba", filled(image.NewNRGBA(r), color.NRGBA{200, 100, 50, 128}), [3]uint8{100, 50, 25}}, // 200·128/255 = 100.4
		{"rgba", filled(image.NewNRGBA(r), color.NRGBA{200, 100, 50, 0}), [3]uint8{0, 0, 0}},
		{"rgba16", filled(image.NewNRGBA64(r), color.NRGBA64{0x8000, 0x4000, 0x2000, 0x8000}), [3]uint8{0x40, 0x20, 0x10}},
		{"palette", filled(palette, color.RGBA{9, 8, 7, 255}), [3]uint8{9, 8, 7}},
	} {
		im, err := DecodeBytes("x", encode(t, c.im), Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.mode, err)
			continue
		}
		if im.Mode != c.mode || im.W != 3 || im.H != 2 || [3]uint8(im.Pix[15:18]) != c.want {
			t.Errorf("%s: got %s %d×%d %v, want %v", c.mode, im.Mode, im.W, im.H, im.Pix[15:18], c.want)
		}
	}
}

func TestDecodeKeepsPixels(t *testing.T) {
	want := computed(37, 53)
	src := image.NewRGBA(image.Rect(0, 0, 37, 53))
	load(src, want)
	got, err := DecodeBytes("x", encode(t, src), Limits{})
	if err != nil || !slices.Equal(got.Pix, want.Pix) {
		t.Fatalf("a PNG does not give its pixels back: %v", err)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, filled(image.NewRGBA(image.Rect(0, 0, 3, 2)), color.RGBA{200, 100, 50, 255}), &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	im, err := DecodeBytes("x", b.Bytes(), Limits{})
	if err != nil || im.W != 3 || im.H != 2 || max(im.Pix[0], 202)-min(im.Pix[0], 202) > 4 {
		t.Fatalf("JPEG: %v %v", im, err)
	}
}

// header is a PNG that claims to be w×h and has no pixels.
func pngHeader(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	b = append(b, 8, 2, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestDecodeRefuses(t *testing.T) {
	good := encode(t, image.NewRGBA(image.Rect(0, 0, 40, 30)))
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{nil, "is empty"},
		{[]byte("GIF89a..."), "is a GIF"},
		{[]byte("version https://git-lfs.github.com/spec/v1\noid"), "Git LFS pointer"},
		{[]byte("<!DOCTYPE html>"), "a web page"},
		{[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "a WebP"},
		{[]byte("II*\x00\x08\x00\x00\x00"), "is a TIFF, not PNG or JPEG"},
		{[]byte("MM\x00*\x00\x00\x00\x08"), "is a TIFF, not PNG or JPEG"},
		{[]byte("hello"), "neither PNG nor JPEG"},
		{pngHeader(60000, 60000), "60000×60000 = 3600000000 pixels, over the cap of 50000000"},
		{pngHeader(1<<31-1, 1<<31-1), "is damaged"},
		{pngHeader(0, 5), "is damaged"},
		{good[:len(good)/2], "is truncated"},
		{good[:20], "is truncated"},
		{slices.Concat(good[:45], []byte{1, 2, 3}, good[48:]), "is damaged"},
		{[]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), "is truncated"},
	} {
		_, err := DecodeBytes("dir/x.png", c.b, Limits{})
		if err == nil || !strings.HasPrefix(err.Error(), "dir/x.png: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: error %v, wants %q", c.b, err, c.want)
		}
		t.Log(err)
	}
	if _, err := DecodeBytes("x", good, Limits{Pixels: 1199}); err == nil {
		t.Error("1200 pixels pass a cap of 1199")
	}
}

func TestDecodeFileLimits(t *testing.T) {
	dir := t.TempDir()
	good := encode(t, image.NewRGBA(image.Rect(0, 0, 4, 4)))
	file := filepath.Join(dir, "a.png")
	if err := os.WriteFile(file, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(file, Limits{Bytes: int64(len(good))}); err != nil {
		t.Error(err)
	}
	if _, err := Decode(file, Limits{Bytes: int64(len(good)) - 1}); err == nil || !strings.Contains(err.Error(), "over the cap") {
		t.Errorf("byte cap: %v", err)
	}
	if _, err := Decode(dir, Limits{}); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("folder: %v", err)
	}
}

func TestOrientation(t *testing.T) {
	tag := func(order binary.AppendByteOrder, mark string) []byte {
		tiff := order.AppendUint32(order.AppendUint16([]byte(mark), 42), 8)
		tiff = order.AppendUint16(tiff, 1)
		tiff = order.AppendUint16(order.AppendUint16(tiff, 0x0112), 3)
		tiff = order.AppendUint16(order.AppendUint32(tiff, 1), 6)
		app := append([]byte("Exif\x00\x00"), tiff...)
		app = append(app, 0, 0, 0, 0, 0, 0)
		return append(binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xe1"), uint16(len(app)+2)), app...)
	}
	for name, b := range map[string][]byte{"little": tag(binary.LittleEndian, "II"), "big": tag(binary.BigEndian, "MM")} {
		if got := orientation(b); got != 6 {
			t.Errorf("%s endian: orientation %d, want 6", name, got)
		}
		for n := range b {
			orientation(b[:n]) // must not panic
		}
	}
	if got := orientation([]byte("\xff\xd8\xff\xe0\x00\x04ab\xff\xda")); got != 0 {
		t.Errorf("no EXIF: %d", got)
	}
}

func FuzzDecode(f *testing.F) {
	r := image.Rect(0, 0, 9, 7)
	for _, im := range []image.Image{image.NewRGBA(r), image.NewGray16(r), image.NewNRGBA64(r), image.NewPaletted(r, color.Palette{color.Black})} {
		f.Add(encode(f, im))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(r), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(pngHeader(70000, 70000))
	f.Fuzz(func(t *testing.T, b []byte) {
		orientation(b)
		im, err := DecodeBytes("x", b, Limits{Pixels: 1 << 16})
		if err != nil {
			return
		}
		if len(im.Pix) != 3*im.W*im.H || im.W*im.H > 1<<16 || im.W <= 0 || im.H <= 0 {
			t.Fatalf("%d×%d with %d bytes", im.W, im.H, len(im.Pix))
		}
		Resize(make([]float32, 3*8*8), im, 8)
	})
}
