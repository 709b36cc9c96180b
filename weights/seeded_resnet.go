package weights

import "fmt"

// residualGain scales the last batch norm of a residual branch, so that a deep
// sum of branches keeps its size.
const residualGain = 0.35

// resnet18 is ResNet-18 of He et al. (arXiv:1512.03385) as torchvision has it.
func resnet18(n *network) error {
	x, err := resnetStem(n)
	if err != nil {
		return err
	}
	return resnetBody(n, x, []int{2, 2, 2, 2}, []int{64, 128, 256, 512}, basicBlock)
}

// resnet50 is ResNet-50 v1.5: the stride lies on the 3×3 convolution, as in
// torchvision. 25,557,032 parameters at 1,000 classes.
func resnet50(n *network) error {
	x, err := resnetStem(n)
	if err != nil {
		return err
	}
	return resnetBody(n, x, []int{3, 4, 6, 3}, []int{64, 128, 256, 512}, bottleneck)
}

// tiny is a ResNet small enough for tests that run in milliseconds.
func tiny(n *network) error {
	x := n.input()
	x = n.relu("relu", n.convNorm("conv1", "bn1", x, conv{out: n.width(16), kernel: 3, stride: 2, pad: 1}, 1))
	return resnetBody(n, x, []int{1, 1, 1}, []int{16, 32, 64}, basicBlock)
}

// resnetStem is the 7×7 convolution and the pooling: (N,3,S,S) → (N,64,S/4,S/4).
func resnetStem(n *network) (value, error) {
	x := n.input()
	x = n.relu("relu", n.convNorm("conv1", "bn1", x, conv{out: n.width(64), kernel: 7, stride: 2, pad: 3}, 1))
	x = n.maxPool("maxpool", x, 3, 2, 1)
	return x, n.checkSize(x)
}

// resnetBody adds the stages and the classifier.
func resnetBody(n *network, x value, blocks, widths []int, block func(*network, string, value, int, int) value) error {
	for stage, count := range blocks {
		for i := range count {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x = block(n, fmt.Sprintf("layer%d.%d", stage+1, i), x, n.width(widths[stage]), stride)
		}
	}
	if err := n.checkSize(x); err != nil {
		return err
	}
	x = n.flatten("flatten", n.globalPool("avgpool", x))
	n.output(n.dense("fc", x, n.o.Classes))
	return nil
}

// basicBlock is two 3×3 convolutions beside the shortcut: (N,C,H,W) → (N,width,H/stride,W/stride).
func basicBlock(n *network, name string, x value, width, stride int) value {
	y := n.convNorm(name+".conv1", name+".bn1", x, conv{out: width, kernel: 3, stride: stride, pad: 1}, 1)
	y = n.relu(name+".relu1", y)
	y = n.convNorm(name+".conv2", name+".bn2", y, conv{out: width, kernel: 3, stride: 1, pad: 1}, residualGain)
	return n.join(name, y, n.shortcut(name, x, width, stride))
}

// bottleneck is 1×1, 3×3 (strided) and 1×1 to four times the width, beside the
// shortcut: (N,C,H,W) → (N,4·width,H/stride,W/stride).
func bottleneck(n *network, name string, x value, width, stride int) value {
	y := n.convNorm(name+".conv1", name+".bn1", x, conv{out: width, kernel: 1, stride: 1}, 1)
	y = n.relu(name+".relu1", y)
	y = n.convNorm(name+".conv2", name+".bn2", y, conv{out: width, kernel: 3, stride: stride, pad: 1}, 1)
	y = n.relu(name+".relu2", y)
	y = n.convNorm(name+".conv3", name+".bn3", y, conv{out: 4 * width, kernel: 1, stride: 1}, residualGain)
	return n.join(name, y, n.shortcut(name, x, 4*width, stride))
}

// shortcut is x itself, or a 1×1 projection where the shape changes.
func (n *network) shortcut(name string, x value, out, stride int) value {
	if x.c == out && stride == 1 {
		return x
	}
	return n.convNorm(name+".downsample.0", name+".downsample.1", x, conv{out: out, kernel: 1, stride: stride}, 0.7)
}

// join adds branch and shortcut and ends the block. The shortcut is not
// symmetric after a ReLU, so that little of its power is lost in this one.
func (n *network) join(name string, branch, shortcut value) value {
	x := n.relu(name+".relu", n.add(name+".add", branch, shortcut))
	x.power *= 1.7
	return x
}
