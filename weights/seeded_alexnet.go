package weights

// alexnet is Caffe's AlexNet (Krizhevsky et al. 2012): local response
// normalisation, convolutions in two groups, poolings that round up, and a softmax
// at the end. 60,965,224 parameters at 224 pixels and 1,000 classes.
func alexnet(n *network) error {
	x := n.input()
	x = n.relu("relu1", n.conv("conv1", x, conv{out: n.width(96), kernel: 11, stride: 4, bias: true}))
	x = n.maxPoolCeil("pool1", n.lrn("norm1", x), 3, 2)
	x = n.relu("relu2", n.conv("conv2", x, conv{out: n.width(256), kernel: 5, stride: 1, pad: 2, groups: 2, bias: true}))
	x = n.maxPoolCeil("pool2", n.lrn("norm2", x), 3, 2)
	x = n.relu("relu3", n.conv("conv3", x, conv{out: n.width(384), kernel: 3, stride: 1, pad: 1, bias: true}))
	x = n.relu("relu4", n.conv("conv4", x, conv{out: n.width(384), kernel: 3, stride: 1, pad: 1, groups: 2, bias: true}))
	x = n.relu("relu5", n.conv("conv5", x, conv{out: n.width(256), kernel: 3, stride: 1, pad: 1, groups: 2, bias: true}))
	x = n.maxPoolCeil("pool5", x, 3, 2)
	if err := n.checkSize(x); err != nil {
		return err
	}
	x = n.reshape("reshape", x)
	x = n.dropout("drop6", n.relu("relu6", n.dense("fc6", x, n.width(4096))))
	x = n.dropout("drop7", n.relu("relu7", n.dense("fc7", x, n.width(4096))))
	n.output(n.softmax("prob", n.dense("fc8", x, n.o.Classes)))
	return nil
}
