package weights

import "fmt"

// squeezenet is SqueezeNet 1.1 (arXiv:1602.07360) as torchvision has it: fire
// modules joined by Concat, poolings that round up, and a classifier that is a
// convolution. 1,235,496 parameters at 1,000 classes.
func squeezenet(n *network) error {
	x := n.input()
	x = n.relu("relu1", n.conv("conv1", x, conv{out: n.width(64), kernel: 3, stride: 2, bias: true}))
	x = n.maxPoolCeil("pool1", x, 3, 2)
	for i, s := range []struct{ squeeze, expand int }{{16, 64}, {16, 64}, {32, 128}, {32, 128}, {48, 192}, {48, 192}, {64, 256}, {64, 256}} {
		x = fire(n, fmt.Sprintf("fire%d", i+2), x, n.width(s.squeeze), n.width(s.expand))
		if i == 1 || i == 3 {
			x = n.maxPoolCeil(fmt.Sprintf("pool%d", i+2), x, 3, 2)
		}
	}
	if err := n.checkSize(x); err != nil {
		return err
	}
	x = n.dropout("drop9", x)
	x = n.relu("relu10", n.conv("conv10", x, conv{out: n.o.Classes, kernel: 1, stride: 1, bias: true}))
	n.output(n.softmax("prob", n.squeeze("squeeze", n.globalPool("pool10", x))))
	return nil
}

// fire narrows to squeeze channels and widens to twice expand:
// (N,C,H,W) → (N,2·expand,H,W).
func fire(n *network, name string, x value, squeeze, expand int) value {
	s := n.relu(name+".squeeze_relu", n.conv(name+".squeeze", x, conv{out: squeeze, kernel: 1, stride: 1, bias: true}))
	a := n.relu(name+".expand1x1_relu", n.conv(name+".expand1x1", s, conv{out: expand, kernel: 1, stride: 1, bias: true}))
	b := n.relu(name+".expand3x3_relu", n.conv(name+".expand3x3", s, conv{out: expand, kernel: 3, stride: 1, pad: 1, bias: true}))
	return n.concat(name+".concat", a, b)
}
