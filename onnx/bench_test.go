package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// vgg16 returns a network with the weights of VGG16, 553 MB of zeros, which
// share one array.
func vgg16() *Model {
	m := &Model{IRVersion: 8, Opset: 13, Weights: map[string]*Tensor{},
		Inputs:  []ValueInfo{{Name: "x", Type: Float, Shape: []Dim{{Size: -1, Param: "N"}, {Size: 3}, {Size: 224}, {Size: 224}}}},
		Outputs: []ValueInfo{{Name: "y", Type: Float, Shape: []Dim{{Size: -1, Param: "N"}, {Size: 1000}}}}}
	zeros := make([]float32, 4096*25088)
	value := "x"
	add := func(n Node, out string) {
		n.Inputs, n.Outputs = append([]string{value}, n.Inputs...), []string{out}
		m.Nodes, value = append(m.Nodes, n), out
	}
	layer := func(op, name string, shape ...int64) {
		n := shape[0]
		for _, d := range shape[1:] {
			n *= d
		}
		m.Weights[name+".w"] = NewFloats(name+".w", shape, zeros[:n])
		m.Weights[name+".b"] = NewFloats(name+".b", shape[:1], zeros[:shape[0]])
		add(Node{Name: name, Op: op, Inputs: []string{name + ".w", name + ".b"}}, name)
	}
	in := int64(3)
	for block, widths := range [][]int64{{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}} {
		for i, k := range widths {
			layer("Conv", fmt.Sprintf("conv%d_%d", block+1, i+1), k, in, 3, 3)
			add(Node{Op: "Relu"}, value+".relu")
			in = k
		}
		add(Node{Op: "MaxPool", Attrs: map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}}, fmt.Sprint("pool", block+1))
	}
	add(Node{Op: "Flatten"}, "flat")
	for i, n := range []int64{25088, 4096, 4096} {
		layer("Gemm", fmt.Sprint("fc", i+6), []int64{4096, 4096, 1000}[i], n)
		m.Nodes[len(m.Nodes)-1].Attrs = map[string]any{"transB": int64(1)}
	}
	add(Node{Op: "Identity"}, "y")
	return m
}

// BenchmarkOpenVGG16 opens a file of VGG16's size, without and with reading all
// weights, and reports the peak resident memory while it does.
func BenchmarkOpenVGG16(b *testing.B) {
	path := filepath.Join(b.TempDir(), "vgg16.onnx")
	b.Run("write", func(b *testing.B) {
		m := vgg16()
		for b.Loop() {
			if err := WriteFile(path, m); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, floats := range []bool{false, true} {
		b.Run(map[bool]string{false: "open", true: "open+floats"}[floats], func(b *testing.B) {
			debug.FreeOSMemory()
			os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // Linux: the peak starts anew
			before := status("VmRSS")
			for b.Loop() {
				openAll(b, path, floats)
			}
			b.ReportMetric(status("VmHWM"), "peak-MB")
			b.ReportMetric(before, "before-MB")
		})
	}
}

func openAll(b *testing.B, path string, floats bool) {
	m, err := Read(path)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	sum := float32(0)
	for _, w := range m.Weights {
		if !floats {
			continue
		}
		v, err := w.Floats()
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(v); i += 1024 {
			sum += v[i]
		}
	}
	if sum != 0 {
		b.Fatal(sum)
	}
}

// status reads a line of /proc/self/status in MB; 0 where there is none.
func status(key string) float64 {
	b, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(b), key+":")
	kb, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return float64(kb) / 1024
}
