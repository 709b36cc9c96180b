package dataset

import (
	"path"
	"regexp"
	"strings"
)

// regexRule begins the GroupRule of a regular expression.
const regexRule = "regular expression "

// GroupOf returns the group that a GroupRule gives the file, as Scan would:
// "" where the rule needs more than the file's name.
func GroupOf(rule, file string) string {
	if rule == nihRule {
		return nihGroup(file)
	}
	if expr, ok := strings.CutPrefix(rule, regexRule); ok {
		if re, err := regexp.Compile(expr); err == nil {
			for _, name := range []string{path.Base(file), file} {
				if m := re.FindStringSubmatch(name); len(m) > 1 {
					return m[1]
				}
			}
		}
	}
	return ""
}
