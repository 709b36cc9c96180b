package weights

import "fmt"

// vgg16 is configuration D of Simonyan and Zisserman (arXiv:1409.1556):
// 138,357,544 parameters at 224 pixels and 1,000 classes. There is no batch
// norm to fold; layers are named as Keras names them.
func vgg16(n *network) error {
	x := n.input()
	for block, channels := range []int{64, 128, 256, 512, 512} {
		for i := range 2 + min(1, block/2) {
			name := fmt.Sprintf("block%d_conv%d", block+1, i+1)
			x = n.relu(name+"_relu", n.conv(name, x, conv{out: n.width(channels), kernel: 3, stride: 1, pad: 1, bias: true}))
		}
		x = n.maxPool(fmt.Sprintf("block%d_pool", block+1), x, 2, 2, 0)
		if err := n.checkSize(x); err != nil {
			return err
		}
	}
	x = n.dropout("drop1", n.relu("fc1_relu", n.flattenDense("fc1", x, n.width(4096))))
	x = n.dropout("drop2", n.relu("fc2_relu", n.dense("fc2", x, n.width(4096))))
	n.output(n.dense("predictions", x, n.o.Classes))
	return nil
}
