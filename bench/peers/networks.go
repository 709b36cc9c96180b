package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// seed is that of the untrained network and of every input.
const seed = 1

// writeNetwork writes the convolutional part of a network and an average over
// all pixels behind it to a file in dir: (N,3,S,S) → (N,C,1,1), N and S open.
func writeNetwork(name, resnet50, dir string) (path string, err error) {
	m, err := source(name, resnet50)
	if err != nil {
		return "", err
	}
	defer m.Close()
	body, err := convolutions(m)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	path = filepath.Join(dir, name+".onnx")
	return path, onnx.WriteFile(path, body)
}

// source opens the whole network: trained where a trained one is at hand.
func source(name, resnet50 string) (*onnx.Model, error) {
	switch name {
	case "resnet50":
		m, err := onnx.Read(resnet50)
		if err != nil {
			return nil, fmt.Errorf("%w; say where the trained network is: -resnet50 FILE.onnx", err)
		}
		return m, nil
	case "vgg16":
		return weights.Seeded(name, weights.SeededOptions{Seed: seed})
	}
	return nil, fmt.Errorf("network %q: want -networks resnet50,vgg16 or one of them", name)
}

// convolutions cuts m at its last feature map, the one that is pooled last.
func convolutions(m *onnx.Model) (*onnx.Model, error) {
	for _, n := range slices.Backward(m.Nodes) {
		switch n.Op {
		case "GlobalAveragePool":
			return pooled(m, n.Inputs[0]), nil
		case "MaxPool":
			return pooled(m, n.Outputs[0]), nil
		}
	}
	return nil, fmt.Errorf("want a network with a pooling layer before its classifier, found none")
}

// pooled returns the part of m that the feature map value needs, its average
// behind it, batch and sides open.
func pooled(m *onnx.Model, value string) *onnx.Model {
	const features = "features"
	c := m.Cut(value)
	c.Nodes = append(c.Nodes, onnx.Node{Name: features, Op: "GlobalAveragePool", Inputs: []string{value}, Outputs: []string{features}})
	c.Outputs = []onnx.ValueInfo{{Name: features, Type: onnx.Float}}
	c.Inputs = slices.Clone(c.Inputs)
	c.Inputs[0].Shape = []onnx.Dim{{Size: -1, Param: "N"}, {Size: 3}, {Size: -1, Param: "S"}, {Size: -1, Param: "S"}}
	return c
}

// noise is an input for all: (batch,3,size,size), as spread as normalised
// pictures are.
func noise(batch, size int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, uint64(size)))
	x := tensor.New(batch, 3, size, size)
	for i := range x.Data {
		x.Data[i] = float32(r.NormFloat64())
	}
	return x
}
