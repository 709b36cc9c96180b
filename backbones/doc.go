// Package backbones holds what is frozen: a pretrained network, cut before its
// classifier, that turns pictures into features.
//
// A backbone is a card, not code. Open makes the card by looking at the ONNX
// file: where to cut by its structure, how pictures must be prepared by its
// digest, its metadata, its exporter or its first nodes, and whether its
// weights look trained by their statistics. What cannot be known is asked for,
// never guessed.
package backbones
