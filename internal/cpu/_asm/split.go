package main

import (
	"os"
	"strings"
)

// file is where a function of that name goes: one file for each instruction
// set, and one for the low precisions.
func file(name string) string {
	switch {
	case strings.HasPrefix(name, "bf16"), strings.HasPrefix(name, "int8"):
		return "zlow_amd64.s"
	case strings.Contains(name, avx2.name):
		return "zavx2_amd64.s"
	}
	return "zavx512_amd64.s"
}

// split moves the functions of one file of assembly, with the data before
// each, to the files that they belong to, and removes it.
func split(dir, from string) error {
	source, err := os.ReadFile(dir + "/" + from)
	if err != nil {
		return err
	}
	const begin = "\n// func "
	head, rest, _ := strings.Cut(string(source), "#include \"textflag.h\"\n")
	head += "#include \"textflag.h\"\n"
	out := map[string]string{}
	data := ""
	for i, part := range strings.Split(rest, begin) {
		if i > 0 {
			name, _, _ := strings.Cut(part, "(")
			body := part
			if at := strings.Index(part, "\nDATA "); at >= 0 { // of the next function
				body, part = part[:at], part[at:]
			} else {
				part = ""
			}
			out[file(name)] += data + begin + body
			data = part
		} else {
			data = part
		}
	}
	for name, text := range out {
		if err := os.WriteFile(dir+"/"+name, []byte(head+strings.TrimRight(text, "\n")+"\n"), 0o644); err != nil {
			return err
		}
	}
	return os.Remove(dir + "/" + from)
}
