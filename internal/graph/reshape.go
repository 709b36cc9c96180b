package graph

import (
	"fmt"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// bindReshape replaces the target of a Reshape by the concrete shape that it
// means for this batch, also where the file bakes its own batch into it.
func (im *importer) bindReshape(n *onnx.Node, in []*Value, consts []*onnx.Tensor) error {
	if len(in) != 2 || in[0] == nil || in[1] == nil {
		return fmt.Errorf("wants two inputs, has %d", len(in))
	}
	if consts[0] != nil {
		return nil
	}
	if consts[1] == nil {
		return fmt.Errorf("the shape %q is not known before the network runs", n.Inputs[1])
	}
	target, err := consts[1].Ints()
	if err != nil {
		return err
	}
	bound, err := im.reshapeTarget(in[0].Shape, target, n.Int("allowzero", 0) != 0)
	if err != nil {
		return err
	}
	consts[1] = onnx.NewInts(n.Inputs[1], consts[1].Shape, bound...)
	return nil
}

// reshapeTarget resolves 0 (copy the axis), -1 (what is left) and a first axis
// that is the file's batch.
func (im *importer) reshapeTarget(x tensor.Shape, target []int64, allowZero bool) ([]int64, error) {
	y := make([]int64, len(target))
	left, known := -1, int64(1)
	for i, t := range target {
		switch {
		case t == 0 && !allowZero:
			if i >= len(x) {
				return nil, fmt.Errorf("cannot reshape %v to %v: there is no axis %d to copy", x, target, i)
			}
			t = int64(x[i])
		case t == -1 && left < 0:
			left = i
		case i == 0 && t > 0 && t == int64(im.fileBatch) && len(x) > 0 && x[0] == im.batch:
			t = int64(im.batch)
		case t < 1 || t > int64(x.Size()):
			return nil, fmt.Errorf("cannot reshape %v to %v", x, target)
		}
		y[i] = t
		if t > 0 && known < 1<<40 {
			known *= t
		}
	}
	size := int64(x.Size())
	if left >= 0 {
		y[left] = size / known
		known *= y[left]
	}
	if known != size {
		return nil, fmt.Errorf("cannot reshape %v to %v: %d numbers into %d%s", x, target, size, known, im.bakedHint(size, known))
	}
	if left == 0 && len(x) > 0 && x[0] == im.batch && y[0]%int64(im.batch) != 0 {
		return nil, fmt.Errorf("cannot reshape %v to %v: the image size is baked into the network", x, target)
	}
	return y, nil
}

// bakedHint says why a reshape that fitted the file's sizes no longer fits.
func (im *importer) bakedHint(size, wanted int64) string {
	switch {
	case im.batch != im.fileBatch && size*int64(im.fileBatch) == wanted*int64(im.batch):
		return fmt.Sprintf(": the file's batch of %d is baked into the network", im.fileBatch)
	case im.o.Size > 0:
		return fmt.Sprintf(": the network does not take images of %d×%d here", im.o.Size, im.o.Size)
	}
	return ""
}
