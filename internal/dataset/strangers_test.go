package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// encodeJPEG writes a picture as JPEG.
func encodeJPEG(t testing.TB, im image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, im, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chunk is one PNG chunk.
func chunk(kind string, data []byte) []byte {
	b := append([]byte(kind), data...)
	sum := crc32.ChecksumIEEE(b)
	return binary.BigEndian.AppendUint32(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), b...), sum)
}

// refused fails the test unless b is refused with words.
func refused(t *testing.T, what string, b []byte, l Limits, words ...string) {
	t.Helper()
	_, err := DecodeBytes("dir/x.png", b, l)
	t.Logf("%s: %v", what, err)
	for _, w := range append(words, "dir/x.png: ") {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s: error %v, wants %q", what, err, w)
		}
	}
}

// Pixels are counted in the header: neither a picture over the cap nor one
// that a file of this length cannot hold is given memory.
func TestImagePixelCapComesBeforeMemory(t *testing.T) {
	photo := encodeJPEG(t, image.NewGray(image.Rect(0, 0, 16, 16)))
	at := bytes.Index(photo, []byte{0xff, 0xc0}) + 5 // height and width of SOF0
	large := slices.Clone(photo)
	copy(large[at:], []byte{0x1b, 0x58, 0x1b, 0x58}) // 7000×7000
	huge := slices.Clone(photo)
	copy(huge[at:], []byte{0xff, 0xff, 0xff, 0xff})
	deep := pngHeader(7000, 7000)
	deep[24], deep[25] = 16, 6 // RGBA of 16 bits: 392 MB
	binary.BigEndian.PutUint32(deep[29:], crc32.ChecksumIEEE(deep[12:29]))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused(t, "PNG over the cap", pngHeader(60000, 60000), Limits{}, "60000×60000 = 3600000000 pixels, over the cap of 50000000")
	refused(t, "JPEG over the cap", huge, Limits{}, "65535×65535 = 4294836225 pixels, over the cap")
	refused(t, "PNG of no pixels", deep, Limits{}, "is truncated", "7000×7000 pixels", "take 379851 bytes", "there are 33")
	refused(t, "JPEG of few pixels", large, Limits{}, "is truncated", "7000×7000 pixels", "take 95703 bytes")
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes allocated to refuse four headers, wants less than 1 MiB", got)
	}
}

// What compresses best is still no bomb to the bound of bytes.
func TestImageThatPacksWellIsRead(t *testing.T) {
	for _, im := range []image.Image{image.NewGray(image.Rect(0, 0, 3000, 3000)), image.NewNRGBA64(image.Rect(0, 0, 900, 900)),
		image.NewPaletted(image.Rect(0, 0, 3000, 2000), color.Palette{color.Black, color.White})} {
		if _, err := DecodeBytes("x", encode(t, im), Limits{}); err != nil {
			t.Errorf("%T: %v", im, err)
		}
	}
	if _, err := DecodeBytes("x", encodeJPEG(t, image.NewGray(image.Rect(0, 0, 3000, 3000))), Limits{}); err != nil {
		t.Errorf("JPEG: %v", err)
	}
}

func TestImageByteCap(t *testing.T) {
	dir := folder(t, map[string]string{"a/1.png": "png1", "a/2.png": "png2", "b/3.png": "png3"})
	pad := append(tinyPNG(t, "png2"), make([]byte, 5000)...)
	if err := os.WriteFile(filepath.Join(dir, "a", "2.png"), pad, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := Scan(context.Background(), dir, ScanOptions{Limits: Limits{Bytes: 4096}})
	t.Log(err)
	if want := fmt.Sprintf("a/2.png (%d bytes) is %d bytes, over the cap of 4096", len(pad), len(pad)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, wants %q", err, want)
	}
}

// Wherever a file ends early it is refused, and nowhere is there a panic.
func TestImageTruncatedAnywhere(t *testing.T) {
	for kind, b := range map[string][]byte{"PNG": tinyPNG(t, "png"), "JPEG": encodeJPEG(t, image.NewRGBA(image.Rect(0, 0, 40, 30))), "CMYK": cmykJPEG(200, 100, 50, 255, true)} {
		for n := range b {
			if _, err := DecodeBytes("x", b[:n], Limits{}); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for a picture", kind, n, len(b))
			}
		}
		refused(t, kind, b[:len(b)*3/4], Limits{}, "is truncated")
	}
}

// The content decides, not the extension, and the scan says so.
func TestImageWrongExtension(t *testing.T) {
	dir := folder(t, map[string]string{"a/photo.png": string(encodeJPEG(t, filled(image.NewRGBA(image.Rect(0, 0, 3, 2)), color.White))), "a/ok.png": "png1", "b/cell.jpg": "png2"})
	d, r := scan(t, dir, ScanOptions{})
	if len(d.Items) != 3 || len(r.Bad) > 0 {
		t.Errorf("read %v, bad %v", paths(d), r.Bad)
	}
	t.Log(r.Warnings)
	if want := "read by content, not by extension: a/photo.png is JPEG, b/cell.jpg is PNG"; !slices.Contains(r.Warnings, want) {
		t.Errorf("warnings %q, wants %q", r.Warnings, want)
	}
}

// The high byte of 16 bits is kept.
func TestImage16Bit(t *testing.T) {
	im := image.NewRGBA64(image.Rect(0, 0, 3, 2))
	filled(im, color.RGBA64{0x12ff, 0x8000, 0xff00, 0xffff})
	got, err := DecodeBytes("x", encode(t, im), Limits{})
	if err != nil || got.Mode != "rgb16" || [3]uint8(got.Pix) != [3]uint8{0x12, 0x80, 0xff} {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The first frame of an animated PNG is the picture; a GIF is refused, whatever
// it is called.
func TestImageAnimated(t *testing.T) {
	still := tinyPNG(t, "png")
	iend := len(still) - 12
	frame := slices.Concat(make([]byte, 4), []byte{0, 0, 0, 5, 0, 0, 0, 4}, make([]byte, 14))
	apng := slices.Concat(still[:33], chunk("acTL", []byte{0, 0, 0, 2, 0, 0, 0, 0}), chunk("fcTL", frame), still[33:iend],
		chunk("fcTL", frame), chunk("fdAT", []byte("\x00\x00\x00\x02another frame, never read")), still[iend:])
	got, err := DecodeBytes("x", apng, Limits{})
	want, _ := DecodeBytes("x", still, Limits{})
	if err != nil || !slices.Equal(got.Pix, want.Pix) {
		t.Errorf("the first frame differs: %v", err)
	}
	var b bytes.Buffer
	page := image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.Black})
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{page, page}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	refused(t, "GIF", b.Bytes(), Limits{}, "is a GIF, not PNG or JPEG")
}

// scanBits writes the entropy-coded part of a JPEG.
type scanBits struct {
	b    []byte
	word uint32
	n    int
}

func (w *scanBits) put(v uint32, n int) {
	for n--; n >= 0; n-- {
		w.word = w.word<<1 | v>>n&1
		if w.n++; w.n%8 == 0 {
			w.b = append(w.b, byte(w.word))
			if byte(w.word) == 0xff {
				w.b = append(w.b, 0)
			}
		}
	}
}

// cmykJPEG is a 8×8 JPEG of four components of the given stored values, which
// Adobe's programs store as 255 less the ink.
func cmykJPEG(c, m, y, k uint8, adobe bool) []byte {
	var b bytes.Buffer
	segment := func(marker byte, data ...byte) {
		b.Write([]byte{0xff, marker, 0, byte(len(data) + 2)})
		b.Write(data)
	}
	b.WriteString("\xff\xd8")
	if adobe {
		segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")...) // transform 0: CMYK
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{8}, 64)...)...) // the mean is level / 8
	segment(0xc0, 8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0)
	segment(0xc4, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) // length of a level: 4 bits
	segment(0xc4, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)                                     // end of block: 0
	segment(0xda, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0)
	var w scanBits
	for _, v := range []uint8{c, m, y, k} {
		level, length := int(v)-128, 0
		for size := max(level, -level); size > 0; size >>= 1 {
			length++
		}
		if level < 0 {
			level += 1<<length - 1
		}
		w.put(uint32(length), 4)
		w.put(uint32(level), length)
		w.put(0, 1)
	}
	for w.n%8 != 0 {
		w.put(1, 1)
	}
	b.Write(w.b)
	b.WriteString("\xff\xd9")
	return b.Bytes()
}

// Adobe's CMYK becomes (255-ink)·(255-black)/255; without its mark nothing
// tells what four components mean.
func TestImageCMYK(t *testing.T) {
	for _, c := range []struct{ stored, want [4]uint8 }{
		{[4]uint8{200, 100, 50, 255}, [4]uint8{200, 100, 50}},
		{[4]uint8{255, 255, 255, 255}, [4]uint8{255, 255, 255}},
		{[4]uint8{255, 255, 255, 51}, [4]uint8{51, 51, 51}},
		{[4]uint8{128, 0, 255, 128}, [4]uint8{64, 0, 128}},
	} {
		im, err := DecodeBytes("x", cmykJPEG(c.stored[0], c.stored[1], c.stored[2], c.stored[3], true), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if d := int(im.Pix[3*27+i]) - int(c.want[i]); d < -1 || d > 1 || im.Mode != "cmyk" {
				t.Errorf("%v is %v (%s), wants %v", c.stored, im.Pix[3*27:][:3], im.Mode, c.want[:3])
				break
			}
		}
	}
	refused(t, "four components", cmykJPEG(1, 2, 3, 4, false), Limits{}, "not read", "Adobe APP14", "save it as a plain RGB PNG")
}

// turned is a JPEG with an EXIF orientation.
func turned(photo []byte, orientation byte) []byte {
	app := slices.Concat([]byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), []byte{orientation}, make([]byte, 6))
	return slices.Concat(photo[:2], app, photo[2:])
}

// EXIF orientation is ignored, and the scan says so.
func TestImageOrientationIsIgnored(t *testing.T) {
	im := image.NewRGBA(image.Rect(0, 0, 24, 16))
	load(im, computed(24, 16))
	photo := encodeJPEG(t, im)
	want, err := DecodeBytes("x", photo, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for o := byte(1); o <= 8; o++ {
		b := turned(photo, o)
		got, err := DecodeBytes("x", b, Limits{})
		if err != nil || got.W != 24 || !slices.Equal(got.Pix, want.Pix) || orientation(b) != int(o) {
			t.Errorf("orientation %d, read as %d: %v", o, orientation(b), err)
		}
	}
	dir := folder(t, map[string]string{"a/up.jpg": string(turned(photo, 1)), "a/side.jpg": string(turned(photo, 6)), "b/2.png": "png2"})
	_, r := scan(t, dir, ScanOptions{})
	t.Log(r.Warnings)
	if want := "EXIF orientation is ignored; 1 picture has one: a/side.jpg"; !slices.Contains(r.Warnings, want) {
		t.Errorf("warnings %q, wants %q", r.Warnings, want)
	}
}

func TestImageZeroSize(t *testing.T) {
	photo := encodeJPEG(t, image.NewGray(image.Rect(0, 0, 16, 16)))
	at := bytes.Index(photo, []byte{0xff, 0xc0}) + 5
	flat := slices.Clone(photo)
	copy(flat[at:], []byte{0, 0, 0, 16})
	refused(t, "JPEG of height 0", flat, Limits{}, "is 16×0 pixels")
	refused(t, "PNG of width 0", pngHeader(0, 5), Limits{}, "is damaged", "non-positive dimension")
	refused(t, "no bytes", nil, Limits{}, "is empty (0 bytes)")
}

// spoilt are files that are no pictures, each with what is said of it.
func spoilt(t testing.TB) map[string]struct{ text, want string } {
	png, photo := string(tinyPNG(t, "png")), string(encodeJPEG(t, image.NewRGBA(image.Rect(0, 0, 40, 30))))
	return map[string]struct{ text, want string }{
		"cut.png":     {png[:len(png)/2], "is truncated"},
		"cut.jpg":     {photo[:len(photo)/2], "is truncated"},
		"empty.png":   {"", "is empty"},
		"page.png":    {"<!DOCTYPE html>", "is a web page"},
		"lfs.png":     {"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"},
		"zip.jpg":     {"PK\x03\x04", "is a zip archive"},
		"anim.png":    {"GIF89a", "is a GIF"},
		"bomb.png":    {string(pngHeader(60000, 60000)), "over the cap"},
		"zero.png":    {string(pngHeader(0, 0)), "is damaged"},
		"noadobe.jpg": {string(cmykJPEG(1, 2, 3, 4, false)), "save it as a plain RGB PNG"},
	}
}

// A folder of a thousand pictures of which one in a hundred is bad finishes
// where bad ones may be left out, and names each; else it stops and names each.
func TestFolderWithOnePercentBad(t *testing.T) {
	bad := spoilt(t)
	files := map[string]string{}
	for i := range 1000 - len(bad) {
		files[fmt.Sprintf("%c/%03d.png", 'a'+i%2, i)] = fmt.Sprintf("png%d", i)
	}
	for name, f := range bad {
		files["b/"+name] = f.text
	}
	dir := folder(t, files)
	d, r := scan(t, dir, ScanOptions{SkipBad: true})
	if len(d.Items) != 990 || len(r.Bad) != 10 || r.Found != 1000 {
		t.Fatalf("%d good, %d bad of %d", len(d.Items), len(r.Bad), r.Found)
	}
	for _, f := range r.Bad {
		if want := bad[strings.TrimPrefix(f.Path, "b/")].want; want == "" || !strings.Contains(f.Reason, want) {
			t.Errorf("%s: %q, wants %q", f.Path, f.Reason, want)
		}
	}
	n := 0
	for b, err := range d.Batches(context.Background(), BatchOptions{Size: 8}) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(b.Indices)
	}
	if n != 990 {
		t.Errorf("%d pictures in batches, want 990", n)
	}
	_, _, err := Scan(context.Background(), dir, ScanOptions{})
	t.Log(err)
	if all := new(BadError); !errors.As(err, &all) || len(all.Bad) != 10 {
		t.Errorf("without leaving out: %v", err)
	}
	for name := range bad {
		if !strings.Contains(err.Error(), "b/"+name) {
			t.Errorf("%s is not named in:\n%v", name, err)
		}
	}
}
