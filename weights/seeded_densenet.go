package weights

import "fmt"

// densenet is DenseNet-121 (arXiv:1608.06993, table 1) as torchvision has it.
// Its batch norms come before the convolutions, so that half of them cannot be
// folded: each reads a concatenation that others read too. 7,978,856
// parameters at 1,000 classes.
func densenet(n *network) error {
	x := n.input()
	x = n.relu("relu0", n.convNorm("conv0", "norm0", x, conv{out: n.width(64), kernel: 7, stride: 2, pad: 3}, 1))
	x = n.maxPool("pool0", x, 3, 2, 1)
	for block, count := range []int{6, 12, 24, 16} {
		for i := range count {
			name := fmt.Sprintf("denseblock%d.denselayer%d", block+1, i+1)
			x = n.concat(name+".concat", x, denseLayer(n, name, x))
		}
		if block == 3 {
			break
		}
		name := fmt.Sprintf("transition%d", block+1)
		y := n.relu(name+".relu", n.batchNorm(name+".norm", x, 1))
		y = n.conv(name+".conv", y, conv{out: x.c / 2, kernel: 1, stride: 1})
		x = n.avgPool(name+".pool", y, 2, 2)
		if err := n.checkSize(x); err != nil {
			return err
		}
	}
	x = n.relu("relu5", n.batchNorm("norm5", x, 1))
	x = n.flatten("flatten", n.globalPool("avgpool", x))
	n.output(n.dense("classifier", x, n.o.Classes))
	return nil
}

// denseLayer computes the new channels of one layer: (N,C,H,W) → (N,growth,H,W).
func denseLayer(n *network, name string, x value) value {
	growth := n.width(32)
	y := n.relu(name+".relu1", n.batchNorm(name+".norm1", x, 1))
	y = n.convNorm(name+".conv1", name+".norm2", y, conv{out: 4 * growth, kernel: 1, stride: 1}, 1)
	y = n.relu(name+".relu2", y)
	return n.conv(name+".conv2", y, conv{out: growth, kernel: 3, stride: 1, pad: 1})
}
