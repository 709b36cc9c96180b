package op

import "fmt"

// The values of ONNX's auto_pad; the empty string means notSet.
const (
	notSet    = "NOTSET"
	sameUpper = "SAME_UPPER"
	sameLower = "SAME_LOWER"
	valid     = "VALID"
)

// window is the geometry that convolutions and pools share, with ONNX's names.
// A zero stride or dilation means 1, so that the zero value works.
type window struct {
	kernel, strides, dilations [2]int
	pads                       [4]int // top, left, bottom, right
	autoPad                    string
	ceil                       bool // round the output size up, as torch does
}

// frame is a window laid over an image: output size, and the padding that it
// takes. Bottom and right are as declared, not what the output size implies.
type frame struct {
	oh, ow, top, left, bottom, right int
}

// over lays the window on an (h, w) image. Formulas: ONNX Conv and MaxPool.
func (p window) over(h, w int) (f frame, err error) {
	f.oh, f.top, f.bottom, err = p.axis(0, h)
	if err != nil {
		return f, fmt.Errorf("height: %w", err)
	}
	f.ow, f.left, f.right, err = p.axis(1, w)
	if err != nil {
		return f, fmt.Errorf("width: %w", err)
	}
	if plane := float64(h+f.top+f.bottom) * float64(w+f.left+f.right); plane > maxPadded+4*float64(h)*float64(w) {
		return f, fmt.Errorf("padding of %d, %d, %d and %d makes an image of %d×%d too large", f.top, f.left, f.bottom, f.right, h, w)
	}
	return f, nil
}

// maxPadded is how many numbers padding may add to a plane beside four times
// its own: kernels keep a padded copy, whose size a dilation or padding without
// bounds would decide.
const maxPadded = 1 << 22

// axis returns output size and padding of one axis of length n.
func (p window) axis(i, n int) (out, before, after int, err error) {
	stride, extent := one(p.strides[i]), (p.kernel[i]-1)*one(p.dilations[i])+1
	if p.kernel[i] < 1 {
		return 0, 0, 0, fmt.Errorf("kernel of %d, wanted at least 1", p.kernel[i])
	}
	switch p.autoPad {
	case sameUpper, sameLower:
		out = (n + stride - 1) / stride
		total := max(0, (out-1)*stride+extent-n)
		before = total / 2
		if p.autoPad == sameLower {
			before = total - total/2
		}
		return out, before, total - before, nil
	case "", notSet:
		before, after = p.pads[i], p.pads[i+2]
	case valid:
	default:
		return 0, 0, 0, fmt.Errorf("auto_pad %q, wanted NOTSET, SAME_UPPER, SAME_LOWER or VALID", p.autoPad)
	}
	room := n + before + after - extent
	if room >= 0 {
		out = room/stride + 1
	}
	// Rounded up, one more window may hang over the end, but it must not start
	// in the padding there.
	if p.ceil && (room >= 0 && room%stride != 0 || room < 0 && -room < stride) && out*stride < n+before {
		out++
	}
	if out < 1 {
		return 0, 0, 0, fmt.Errorf("kernel of %d with dilation %d spans %d, the input has %d with padding %d and %d",
			p.kernel[i], one(p.dilations[i]), extent, n, before, after)
	}
	return out, before, after, nil
}

// one is v, or 1 when v is 0: the default of strides, dilations and groups.
func one(v int) int {
	if v == 0 {
		return 1
	}
	return v
}
