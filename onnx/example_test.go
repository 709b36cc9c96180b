package onnx_test

import (
	"fmt"
	"log"

	"github.com/tlkit/tl/onnx"
)

func Example() {
	m, err := onnx.Read("testdata/external.onnx")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for _, n := range m.Nodes {
		fmt.Println(n.Label(), n.Inputs, "→", n.Outputs)
	}
	w := m.Weights["w"]
	fmt.Println(w.Name, w.Type, w.Shape)
	part := m.Cut("y")
	fmt.Println(len(part.Nodes), "node makes", part.Outputs[0].Name)
	// Output:
	// "fc" (Gemm) [x w] → [y]
	// "z" (Add) [y b] → [z]
	// w float32 [2 3]
	// 1 node makes y
}
