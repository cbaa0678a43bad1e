package codec

import (
	"bytes"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// parseFloat reads a well-formed number. If a float of this many bits would change the
// number, the reason says why.
//
// A fraction is rounded to the nearest float, as is usual for 0.1. For a number so large
// that the nearest floats are integers, rounding would change its integer part, and such a
// number is often an ID or a count. The float has to give back such a number: all its
// digits if it is written with digits only, and otherwise as many digits as the float has.
// The same holds for a number so small that a float has few or none of its digits.
func parseFloat(lit []byte, bits int) (f float64, reason string) {
	text := string(lit)
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return f, "the number is out of the range of float" + strconv.Itoa(bits)
	}
	digits, normal := 53, 0x1p-1022
	if bits == 32 {
		digits, normal = 24, 0x1p-126
	}
	switch size := math.Abs(f); {
	case size < normal && !sameNumber(text, strconv.FormatFloat(f, 'e', -1, bits)):
		return f, "the number is too small for a float" + strconv.Itoa(bits)
	case size < math.Ldexp(1, digits):
		return f, ""
	case !bytes.ContainsAny(lit, ".eE"):
		if strconv.FormatFloat(f, 'f', 0, 64) == text {
			return f, ""
		}
	case sameNumber(text, strconv.FormatFloat(f, 'e', -1, bits)):
		return f, ""
	}
	return f, "a float" + strconv.Itoa(bits) + " does not hold the number exactly and would change it; take it as a json.Number, or as an integer if it is one"
}

// sameNumber reports whether two well-formed numbers are equal. It does no arithmetic,
// since a number in a secret may have a million digits and an exponent of any size.
func sameNumber(a, b string) bool {
	digitsA, expA, okA := scientific(a)
	digitsB, expB, okB := scientific(b)
	return okA && okB && digitsA == digitsB && (expA == expB || digitsA == "")
}

// scientific returns the digits of a number, from the first to the last that is not zero,
// and the power of ten of the first. ok is false if the exponent is too large to compute
// with.
func scientific(text string) (digits string, exp int, ok bool) {
	mantissa, power := strings.TrimPrefix(text, "-"), ""
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		mantissa, power = mantissa[:i], mantissa[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	digits = strings.TrimLeft(all, "0")
	exp = len(whole) - (len(all) - len(digits))
	if digits = strings.TrimRight(digits, "0"); digits == "" || power == "" {
		return digits, exp, true
	}
	n, err := strconv.Atoi(strings.TrimPrefix(power, "+"))
	return digits, exp + n, err == nil
}

// failNumber records why a well-formed number doesn't fit type t, which is no float.
func (d *decoder) failNumber(at int, t reflect.Type, lit []byte) {
	switch k := t.Kind(); {
	case bytes.ContainsAny(lit, ".eE"):
		d.failAt(at, ErrValue, "the number has a fraction or an exponent, the field is of type "+t.String())
	case reflect.Uint <= k && k <= reflect.Uintptr && lit[0] == '-':
		d.failAt(at, ErrValue, "the number is negative, the field is of type "+t.String())
	default:
		d.failAt(at, ErrValue, "the number is out of the range of "+t.String())
	}
}
