package weights

import (
	"fmt"
	"slices"
	"strings"
)

// Entry is one pretrained file that is known by its digest.
type Entry struct {
	Name       string // the file's name, e.g. "resnet50-v1-12.onnx"
	Network    string // what it is: "vgg16", "resnet50", …
	URL        string // where Pull gets it
	SHA256     string // of the whole file, hex
	Licence    string // SPDX, as the source states it
	Source     string // where the numbers come from
	Preprocess string // "torch", "caffe", "tf", "rescale", "none", or "" where the source does not say
	Note       string // what to know before use
	Refuse     string // why tl cannot use it, "" when it can
	Untrained  bool   // may hold random weights: check before use
	Bytes      int64
	Opset      int64
}

const (
	zoo        = "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/"
	zooVision  = zoo + "validated/vision/classification/"
	mxnet      = "MXNet Gluon model zoo, through the ONNX model zoo"
	turnkey    = "TurnkeyML export, through the ONNX model zoo"
	quantised  = "quantised: tl trains on float features only"
	mayBeEmpty = "may be untrained: exported by a script that builds random weights unless told otherwise"
)

// catalogue lists the files whose digests are known, the preferred file of each
// network first. Digests and sizes are those of ONNX_HUB_MANIFEST.json and the
// LFS pointers of github.com/onnx/models at commit b1eeaa1; that repository no
// longer serves the files and names huggingface.co/onnxmodelzoo as their place.
var catalogue = []Entry{
	{Name: "resnet50-v1-12.onnx", Network: "resnet50", URL: zooVision + "resnet/model/", Bytes: 102_576_593, Opset: 12, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "3f03fdef724b22947eed826f1eef1dc5c34151bb4c37d634f1db89dfa2dd1526", Note: "ImageNet top-1 74.9 %"},
	{Name: "resnet50-v1-7.onnx", Network: "resnet50", URL: zooVision + "resnet/model/", Bytes: 102_583_340, Opset: 7, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "af16a04a6ec48ac494065d4439fe9dea590d337b9ca6dc328160ccf04a217b9c", Note: "ImageNet top-1 74.9 %"},
	{Name: "resnet50-v2-7.onnx", Network: "resnet50v2", URL: zooVision + "resnet/model/", Bytes: 102_442_452, Opset: 7, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "79102261eb6e5fd7af5d27f41316293e388c5cb691e5d25bfb035c4f64fefe31", Note: "pre-activation; ImageNet top-1 75.8 %"},
	{Name: "resnet50-caffe2-v1-9.onnx", Network: "resnet50", URL: zooVision + "resnet/model/", Bytes: 102_489_425, Opset: 9, Licence: "Apache-2.0", Source: "Caffe2, through the ONNX model zoo",
		SHA256: "822daa93e11ecd505f282eb16e02d7fa6d7a88a4db0c9f832320798e508ba0dd", Note: "the source does not state its preprocessing"},
	{Name: "resnet50-v1-12-int8.onnx", Network: "resnet50", URL: zooVision + "resnet/model/", Bytes: 25_816_052, Opset: 12, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "c234f30975989788b4405f25253275aae247ab6dbdd34aaa69ab0a59ff76f6d0", Refuse: quantised},
	{Name: "resnet50-v1-12-qdq.onnx", Network: "resnet50", URL: zooVision + "resnet/model/", Bytes: 25_753_167, Opset: 12, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "e6429d274805654c79ba68dc886c1efd4eff95393e747c35d3fdab579febd8a0", Refuse: quantised},
	{Name: "vgg16-12.onnx", Network: "vgg16", URL: zooVision + "vgg/model/", Bytes: 553_437_752, Opset: 12, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "722c42f53ca03a5480296bf8f9c85a151de3eed9ec982d7d2302ff6e2900c67b", Note: "ImageNet top-1 72.6 %"},
	{Name: "vgg16-7.onnx", Network: "vgg16", URL: zooVision + "vgg/model/", Bytes: 553_437_328, Opset: 7, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "f20805a3ecccaa88647bbab4ad011ff2412a9838485ea844de0fcbce349820b9", Note: "ImageNet top-1 72.6 %"},
	{Name: "vgg16-bn-7.onnx", Network: "vgg16bn", URL: zooVision + "vgg/model/", Bytes: 553_512_191, Opset: 7, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "4fdceabf1ef715c9ed3020fa2eac1cb2a448296c086b03633c80cf47e1c5afce", Note: "with batch norm"},
	{Name: "vgg16-12-int8.onnx", Network: "vgg16", URL: zooVision + "vgg/model/", Bytes: 138_407_238, Opset: 12, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "0d0a8e1d69f70404421e37dbad4f8bd21d42758e9f426bd5b39e9e4e9e1afa23", Refuse: quantised},
	{Name: "vgg16-12-qdq.onnx", Network: "vgg16", URL: zooVision + "vgg/model/", Bytes: 138_424_439, Opset: 12, Licence: "Apache-2.0", Source: mxnet, Preprocess: "torch",
		SHA256: "74ae0fa7e9e5b16782581bf17b5582080d1c06b69ed59410c7b1f190d9328bb1", Refuse: quantised},
	{Name: "bvlcalexnet-12.onnx", Network: "alexnet", URL: zooVision + "alexnet/model/", Bytes: 243_863_787, Opset: 12, Licence: "BSD-3-Clause", Source: "Caffe BVLC AlexNet, through Caffe2 and the ONNX model zoo",
		SHA256: "6b0da9510f27f234ee96a85dc3809dd210150fdefad87f6850f9788513216945", Note: "the source does not state its preprocessing"},

	turnkeyEntry("vgg16", 16, "torch_hub", 553_437_938, "72ad5e90833067d41f700133feaaf19be5acb6d4828c18eed85904f1901ced1f"),
	turnkeyEntry("vgg16", 17, "torch_hub", 553_437_938, "1ad7f863cda9f3ff233317bb9d183651a3206ab271cf1c20870c851dafdbb9ba"),
	turnkeyEntry("vgg16", 18, "torch_hub", 553_437_938, "0f1649d8fe4faea52bd186c26400d2e1cdb516fd66c1ea96a7c9612b53a0b447"),
	turnkeyEntry("vgg16", 16, "timm", 553_438_016, "0fa496b4a516372acd95cc6acc72bb595a794bed7b1dc27097e7a946cb2d51ce"),
	turnkeyEntry("vgg16", 17, "timm", 553_438_016, "a0cbbf696e6c3437a54600c065bebb9d0dfe78873293d319263f1d565d2145ac"),
	turnkeyEntry("vgg16", 18, "timm", 553_438_016, "dac2ab9ffaa6032aec4cf0e57fab06232868ed305e8d8bace5db004e0f84c632"),
	turnkeyEntry("resnet50", 16, "torch_hub", 102_146_338, "61bc875f14a0fec550b4343dec69163bee079a3ba2592c15a5b2e5532802c93a"),
	turnkeyEntry("resnet50", 17, "torch_hub", 102_146_338, "eb6eabe74f278fb55336e49e639b2367dda69f6f3b0d86dea7ffa9d55e6a0939"),
	turnkeyEntry("resnet50", 18, "torch_hub", 102_146_338, "34156683e6bcc6d8b6796b40e4f24d5bde65c1589e7848828cf6df1aaa63c999"),
	turnkeyEntry("resnet50", 16, "timm", 102_146_206, "5397f8bbf00a13c02bb9e175bd1c21fc915431e676ed8428733b225e8f875c2f"),
	turnkeyEntry("resnet50", 17, "timm", 102_146_206, "933e6bfd1edab48eec7a6e67319f82f57e0e8720a1afc9824a39cab3002646f9"),
	turnkeyEntry("resnet50", 18, "timm", 102_146_206, "789c839016e8f6424e75096790162e1c4adc42c8f851e090ccff3700927faeb9"),
}

// turnkeyEntry is a file of the zoo's Computer_Vision folder. Its name here
// carries the origin, since two origins use one file name.
func turnkeyEntry(network string, opset int64, origin string, size int64, sha string) Entry {
	file := fmt.Sprintf("%s_Opset%d", network, opset)
	return Entry{
		Name: file + "_" + origin + ".onnx", Network: network, Bytes: size, Opset: opset, SHA256: sha,
		URL:     zoo + "Computer_Vision/" + file + "_" + origin + "/" + file + ".onnx",
		Licence: "Apache-2.0", Source: turnkey, Preprocess: "torch", Note: mayBeEmpty, Untrained: true,
	}
}

// Catalogue returns all entries, the preferred one of each network first.
func Catalogue() []Entry {
	list := slices.Clone(catalogue)
	for i, e := range list {
		if strings.HasSuffix(e.URL, "/") {
			list[i].URL += e.Name
		}
	}
	return list
}

// Lookup finds an entry by the name of its file, with or without ".onnx", or
// by that of its network: "resnet50" and "vgg16" are the preferred files.
func Lookup(name string) (Entry, bool) {
	for _, match := range []func(Entry) bool{
		func(e Entry) bool { return strings.TrimSuffix(e.Name, ".onnx") == strings.TrimSuffix(name, ".onnx") },
		func(e Entry) bool { return e.Network == name && e.Refuse == "" && !e.Untrained },
	} {
		if list := Catalogue(); slices.ContainsFunc(list, match) {
			return list[slices.IndexFunc(list, match)], true
		}
	}
	return Entry{}, false
}

// LookupDigest finds an entry by the SHA-256 of the file, in hex.
func LookupDigest(sha256 string) (Entry, bool) {
	list := Catalogue()
	i := slices.IndexFunc(list, func(e Entry) bool { return e.SHA256 == strings.ToLower(sha256) })
	if i < 0 {
		return Entry{}, false
	}
	return list[i], true
}

// Names lists the networks that can be asked for by name, sorted.
func Names() []string {
	var names []string
	for _, e := range catalogue {
		if e.Refuse == "" && !e.Untrained {
			names = append(names, e.Network)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
