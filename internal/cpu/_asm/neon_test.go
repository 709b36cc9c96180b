package main

import "testing"

// The words are those of llvm-mc -triple=aarch64 -show-encoding.
func TestEncode(t *testing.T) {
	for _, c := range []struct {
		text string
		got  uint32
		want uint32
	}{
		{"fmla v1.4s, v2.4s, v3.s[0]", encodeFMLA(1, 2, 3, 0), 0x4f831041},
		{"fmla v31.4s, v30.4s, v29.s[3]", encodeFMLA(31, 30, 29, 3), 0x4fbd1bdf},
		{"fmla v5.4s, v16.4s, v7.s[2]", encodeFMLA(5, 16, 7, 2), 0x4f871a05},
		{"fmla v5.4s, v16.4s, v17.s[1]", encodeFMLA(5, 16, 17, 1), 0x4fb11205},
		{"fadd v1.4s, v2.4s, v3.4s", encode(neonCodes["fadd"], 1, 2, 3), 0x4e23d441},
		{"fsub v31.4s, v30.4s, v29.4s", encode(neonCodes["fsub"], 31, 30, 29), 0x4ebdd7df},
		{"fmul v4.4s, v5.4s, v6.4s", encode(neonCodes["fmul"], 4, 5, 6), 0x6e26dca4},
		{"fmax v1.4s, v2.4s, v3.4s", encode(neonCodes["fmax"], 1, 2, 3), 0x4e23f441},
		{"fmin v1.4s, v2.4s, v3.4s", encode(neonCodes["fmin"], 1, 2, 3), 0x4ea3f441},
		{"fdiv v1.4s, v2.4s, v3.4s", encode(neonCodes["fdiv"], 1, 2, 3), 0x6e23fc41},
		{"fcmgt v1.4s, v2.4s, v3.4s", encode(neonCodes["fcmgt"], 1, 2, 3), 0x6ea3e441},
		{"faddp v1.4s, v2.4s, v3.4s", encode(neonCodes["faddp"], 1, 2, 3), 0x6e23d441},
		{"fsqrt v1.4s, v2.4s", encode(fsqrt, 1, 2, 0), 0x6ea1f841},
	} {
		if c.got != c.want {
			t.Errorf("%s: %#08x, want %#08x", c.text, c.got, c.want)
		}
	}
}
