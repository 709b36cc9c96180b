package weights

import "fmt"

// mobilenetV2 is MobileNetV2 (arXiv:1801.04381, table 2) as torchvision has it:
// depthwise convolutions, ReLU6 as Clip, linear bottlenecks with residuals, and
// a mean over the pixels. 3,504,872 parameters at 1,000 classes.
func mobilenetV2(n *network) error {
	x := n.input()
	x = n.relu6("features.0.relu", n.convNorm("features.0.conv", "features.0.bn", x, conv{out: n.width(32), kernel: 3, stride: 2, pad: 1}, 1))
	i := 1
	for _, s := range []struct{ expand, out, count, stride int }{
		{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
	} {
		for j := range s.count {
			stride := 1
			if j == 0 {
				stride = s.stride
			}
			x = invertedResidual(n, fmt.Sprintf("features.%d", i), x, s.expand, n.width(s.out), stride)
			i++
		}
	}
	x = n.relu6("features.18.relu", n.convNorm("features.18.conv", "features.18.bn", x, conv{out: n.width(1280), kernel: 1, stride: 1}, 1))
	if err := n.checkSize(x); err != nil {
		return err
	}
	x = n.dropout("classifier.0", n.squeeze("squeeze", n.reduceMean("mean", x)))
	n.output(n.dense("classifier.1", x, n.o.Classes))
	return nil
}

// invertedResidual widens, filters each channel alone and narrows without an
// activation: (N,C,H,W) → (N,out,H/stride,W/stride).
func invertedResidual(n *network, name string, x value, expand, out, stride int) value {
	y, hidden := x, x.c*expand
	if expand > 1 {
		y = n.convNorm(name+".expand", name+".expand_bn", x, conv{out: hidden, kernel: 1, stride: 1}, 1)
		y = n.relu6(name+".expand_relu", y)
	}
	y = n.convNorm(name+".depthwise", name+".depthwise_bn", y, conv{out: hidden, kernel: 3, stride: stride, pad: 1, groups: hidden}, 1)
	y = n.relu6(name+".depthwise_relu", y)
	if stride == 1 && x.c == out {
		y = n.convNorm(name+".project", name+".project_bn", y, conv{out: out, kernel: 1, stride: 1}, residualGain)
		return n.add(name+".add", x, y)
	}
	return n.convNorm(name+".project", name+".project_bn", y, conv{out: out, kernel: 1, stride: 1}, 1)
}
