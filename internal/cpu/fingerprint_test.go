package cpu

import (
	"slices"
	"testing"
)

// The fingerprint is the same for all numbers of threads and runs, and another
// one for other kernels, precisions and arithmetic.
func TestFingerprint(t *testing.T) {
	seen := map[string]string{}
	for _, d := range devices(t) {
		for _, p := range []Precision{Float32, BFloat16, Int8} {
			if d.HasPrecision(p) != nil {
				continue
			}
			print, name := d.Fingerprint(p), d.Kernels()+" "+p.String()
			if other, ok := seen[print]; ok {
				t.Errorf("%s has the fingerprint of %s", name, other)
			}
			seen[print] = name
			three := newDevice(3, d.k)
			if again := three.Fingerprint(p); again != print {
				t.Errorf("%s: fingerprint %s on three threads, %s on two", name, again, print)
			}
			three.Close()
		}
		k := *d.k
		k.winoOut = slices.Clone(k.winoOut)
		k.winoOut[5] = func(a *winoArgs) { d.k.winoOut[5](a); a.y[0] += 1e-6 }
		if d.Fingerprint(Float32) == newDevice(1, &k).Fingerprint(Float32) {
			t.Errorf("%s: another output transform has the same fingerprint", d.Name())
		}
	}
}
