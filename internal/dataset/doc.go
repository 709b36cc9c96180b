// Package dataset turns a folder of pictures into batches of numbers and
// answers for what is in them: which file, which class, which patient, which
// split.
//
//	folder or CSV ──Scan──▶ Dataset ──Assign──▶ Train | Val | Test ──Batches──▶ (n,3,S,S) float32
//
// Scan decodes every picture once, in parallel, before any work starts: bad
// files are all named, digests are kept, and a file that changes later is
// noticed when it is read again. Nothing here writes into the scanned folder.
//
// Letters: H×W pixels of a picture, S side of the square it is resized to, n
// pictures in a batch. Colours are RGB, 0…255.
package dataset
