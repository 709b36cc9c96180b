package heads

import (
	"math"
	"math/rand/v2"

	"github.com/tlkit/tl/internal/tensor"
)

// kernel returns a new array, Glorot-uniform as Keras initialises: uniform in
// ±sqrt(6/(fanIn+fanOut)) (Glorot, Bengio 2010). Each layer has a stream of
// its own, so that a change of one layer does not touch the others.
func (h *Head) kernel(name string, fanIn, fanOut int, shape ...int) *Param {
	r := rand.New(rand.NewPCG(h.spec.Seed, uint64(len(h.layers))))
	limit := math.Sqrt(6 / float64(fanIn+fanOut))
	data := make([]float32, tensor.Shape(shape).Size())
	for i := range data {
		data[i] = float32((2*r.Float64() - 1) * limit)
	}
	return newParam(name+"/kernel", shape, data, 0)
}

func bias(name string, n int) *Param {
	return newParam(name+"/bias", []int{n}, make([]float32, n), 0)
}

// newParam is a parameter of a group. Decay is for arrays of several axes:
// those of one are biases, and scales and shifts of norms.
func newParam(name string, shape []int, data []float32, group int) *Param {
	return &Param{Name: name, Shape: shape, Data: data, Group: group, Decay: len(shape) > 1}
}
