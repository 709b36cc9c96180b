package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tlkit/tl/internal/metrics"
)

// Undefined stands where a figure cannot be had from the data.
const Undefined = "n/a"

// Number is v with that many decimals; [Undefined] for NaN.
func Number(v float64, decimals int) string {
	if math.IsNaN(v) {
		return Undefined
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-") // no −0.000
	}
	return s
}

// Signed is Number with a plus sign before what is above zero.
func Signed(v float64, decimals int) string {
	s := Number(v, decimals)
	if v > 0 && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

// Interval is a metric with its interval: "0.953 [0.941, 0.964]"; only
// "0.953" where no interval is known.
func Interval(v metrics.Value) string { return interval(v, Number) }

// SignedInterval is Interval of a difference: "+0.012 [-0.003, +0.027]".
func SignedInterval(v metrics.Value) string { return interval(v, Signed) }

func interval(v metrics.Value, format func(float64, int) string) string {
	if !v.HasInterval() {
		return format(v.Value, 3)
	}
	return fmt.Sprintf("%s [%s, %s]", format(v.Value, 3), format(v.Low, 3), format(v.High, 3))
}

// P is a p-value: "0.034", "< 0.001".
func P(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return Number(p, 3)
}

// Percent is a share with that many decimals: 0.028 is "2.8 %".
func Percent(share float64, decimals int) string {
	if math.IsNaN(share) {
		return Undefined
	}
	return Number(100*share, decimals) + " %"
}

// Count is n with a comma every three digits: "1,086,417".
func Count(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// Bytes is a size in powers of 1,000, two or three digits: "553 MB", "2.8 GB".
func Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, u := float64(n), 0
	for v >= 999.5 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	if v < 9.95 && u > 0 {
		return Number(v, 1) + " " + units[u]
	}
	return Number(v, 0) + " " + units[u]
}

// Seconds is a duration for people: "0.8 s", "42 s", "3 m 07 s", "1 h 04 m".
func Seconds(s float64) string {
	whole := int(math.Round(s))
	switch {
	case math.IsNaN(s):
		return Undefined
	case s < 9.95:
		return Number(s, 1) + " s"
	case whole < 60:
		return fmt.Sprintf("%d s", whole)
	case whole < 3600:
		return fmt.Sprintf("%d m %02d s", whole/60, whole%60)
	}
	return fmt.Sprintf("%d h %02d m", whole/3600, whole%3600/60)
}

// plural is "1 patient", "8,000 images".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return Count(n) + " " + pluralOf(word)
}

func pluralOf(word string) string {
	for _, end := range []string{"s", "x", "ch", "sh"} {
		if strings.HasSuffix(word, end) {
			return word + "es"
		}
	}
	return word + "s"
}
