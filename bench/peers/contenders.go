package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/bench/peer"
)

// contender is one process of the contest: a peer in one of its variants, or
// tl in one precision.
type contender struct {
	Peer      string // column of the table
	Variant   string // how it is set; of several variants the fastest counts; may be empty
	Precision string // "f32" for all peers
	avx2      string // environment variables that keep it from AVX-512; "" where there are none
	env       string // further environment variables
}

// reference is the peer whose features all are compared with.
const reference = "onnxruntime"

// contestants are all who can take part, the reference first. onnxruntime and
// ncnn look at the processor only. Of OpenVINO the variable reaches all but the
// last average, which is not oneDNN's.
var contestants = []contender{
	{Peer: reference, Precision: "f32"},
	{Peer: "openvino", Variant: "latency", Precision: "f32", avx2: "ONEDNN_MAX_CPU_ISA=AVX2"},
	{Peer: "openvino", Variant: "throughput", Precision: "f32", avx2: "ONEDNN_MAX_CPU_ISA=AVX2"},
	{Peer: "torch", Variant: "mkldnn", Precision: "f32", avx2: "ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2", env: peer.KeepMemory},
	{Peer: "torch", Variant: "jit", Precision: "f32", avx2: "ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2", env: peer.KeepMemory},
	{Peer: "ncnn", Precision: "f32"},
}

// tolerance is the largest relative L2 difference from the reference that a
// precision may show.
var tolerance = map[string]float64{"f32": 1e-4, "bf16": 2e-2, "int8": 1e-1}

// chosenContenders are those of -peers and one tl for each of -precisions.
func chosenContenders() (chosen []contender, err error) {
	wanted := append(peer.List(*peers), reference)
	for _, w := range wanted {
		if !slices.ContainsFunc(contestants, func(c contender) bool { return c.Peer == w }) {
			return nil, fmt.Errorf("-peers %s: no %q, want some of onnxruntime,openvino,torch,ncnn", *peers, w)
		}
	}
	for _, c := range contestants {
		if slices.Contains(wanted, c.Peer) {
			chosen = append(chosen, c)
		}
	}
	for _, p := range peer.List(*precisions) {
		if tolerance[p] == 0 {
			return nil, fmt.Errorf("-precisions %s: no %q, want some of f32,bf16,int8", *precisions, p)
		}
		chosen = append(chosen, contender{Peer: "tl", Precision: p, avx2: "TL_CPU=avx2"})
	}
	return chosen, nil
}

func (c contender) String() string {
	switch {
	case c.Peer == "tl":
		return "tl " + c.Precision
	case c.Variant != "":
		return c.Peer + " " + c.Variant
	}
	return c.Peer
}

// takesPart reports whether c runs a case.
func (c contender) takesPart(k benchmark) bool {
	return c.Peer != "ncnn" || k.Batch == 1 || *ncnnAll
}

// command returns how the process is started.
func (c contender) command() (peer.Command, error) {
	var args []string
	var err error
	if c.Peer == "tl" {
		args, err = peer.Self()
	} else {
		args, err = peer.Python(*python, "bench/peers/setup", filepath.Join(*scripts, c.Peer+"_peer.py"), c.Variant)
	}
	env := strings.Fields(c.env)
	if *isa == "avx2" {
		env = append(env, strings.Fields(c.avx2)...)
	}
	return peer.Command{Label: c.String(), Args: args, Env: env, Threads: *threads}, err
}
