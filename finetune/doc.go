// Package finetune is the experiment: it puts a trainable head on a frozen
// backbone, trains it on a folder of images, says how good it is, compares it
// with a baseline CNN trained from scratch, and exports one ONNX file.
//
// In one line: backbones never changes, heads learns, finetune puts one on the
// other.
//
//	image folder        Parasitized/*.png  Uninfected/*.png
//	     │ scan, group by patient, split by seed              data.go
//	     ▼
//	decode → resize        (N,3,S,S) RGB 0…255                internal/dataset
//	     ▼
//	source                 frozen plan, or the pixels         source.go
//	     ▼
//	feature cache          (N,C,H,W) on disk, computed once   cache.go, extract.go
//	     ▼
//	trainable part         head or baseline CNN, one loop     train.go
//	     ▼
//	evaluation             threshold from validation, test    evaluate.go
//	     ▼
//	export                 one model.onnx                     export.go
//
// With Options.Unfreeze the last blocks before the cut leave the frozen plan and
// learn with the head, from features cached before them (phase.go, unfreeze.go).
//
// With Options.Augment training images are varied (augment.go).
//
// Run does all of it and keeps everything in a run folder; Compare runs several
// arms on one split, CrossValidate on folds that test every patient once;
// OpenModel uses an exported file.
package finetune
