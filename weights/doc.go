// Package weights says where numbers come from: the catalogue of pretrained
// files with their digests, a download that can only ever leave a complete and
// verified file behind, networks with seeded random weights for demos, tests
// and benchmarks, and checkpoints.
//
// Nothing here is fetched unless Pull is called.
package weights
