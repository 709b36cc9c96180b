package dataset

import (
	"bytes"
	"encoding/binary"
)

// orientation reads the EXIF tag 0x0112 of a JPEG, only to say that it is
// ignored: 1 is upright, 2…8 are turned or mirrored, 0 is none. Layout: EXIF
// 2.32, section 4.5 (APP1 segment, TIFF header, first directory).
func orientation(b []byte) int {
	tiff := exif(b)
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for range int(order.Uint16(tiff[at:])) {
		if len(entries) < 12 {
			return 0
		}
		if order.Uint16(entries) == 0x0112 {
			return int(order.Uint16(entries[8:]))
		}
		entries = entries[12:]
	}
	return 0
}

// exif returns the TIFF part of a JPEG's APP1 segment.
func exif(b []byte) []byte {
	if len(b) < 4 || b[0] != 0xff || b[1] != 0xd8 {
		return nil
	}
	for b = b[2:]; len(b) >= 4 && b[0] == 0xff && b[1] != 0xda; {
		n := 2 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			return nil
		}
		if rest, ok := bytes.CutPrefix(b[4:max(n, 4)], []byte("Exif\x00\x00")); ok && b[1] == 0xe1 {
			return rest
		}
		b = b[n:]
	}
	return nil
}
