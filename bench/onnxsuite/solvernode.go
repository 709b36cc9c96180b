package main

import (
	"math"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
)

// solverNode is an optimiser step as the suite writes it: a model of one node
// of the domain ai.onnx.preview.training, which onnx.Read refuses, rightly.
type solverNode struct {
	op     string
	mode   string             // of Momentum: standard or nesterov
	floats map[string]float64 // its other attributes
}

// readSolver reads a model of one Adam or Momentum; ok is false for all others.
// Field numbers are those of onnx.proto.
func readSolver(path string) (n solverNode, ok bool) {
	model, err := os.ReadFile(path)
	if err != nil {
		return n, false
	}
	nodes := parts(first(parts(model, 7)), 1)
	if len(nodes) != 1 {
		return n, false
	}
	n.op, n.floats = string(first(parts(nodes[0], 4))), map[string]float64{}
	for _, a := range parts(nodes[0], 5) {
		name := string(first(parts(a, 1)))
		if name == "mode" {
			n.mode = string(first(parts(a, 4)))
		} else if f := first(parts(a, 2)); len(f) == 4 {
			bits, _ := protowire.ConsumeFixed32(f)
			n.floats[name] = float64(math.Float32frombits(bits))
		}
	}
	return n, n.op == "Adam" || n.op == "Momentum"
}

// parts returns the contents of every field of that number in a message, as far
// as the message is well-formed.
func parts(message []byte, number protowire.Number) (all [][]byte) {
	for len(message) > 0 {
		num, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return all
		}
		m := protowire.ConsumeFieldValue(num, typ, message[n:])
		if m < 0 {
			return all
		}
		value := message[n:][:m]
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		if num == number {
			all = append(all, value)
		}
		message = message[n+m:]
	}
	return all
}

// first is the first of several parts, or nothing.
func first(all [][]byte) []byte {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}
