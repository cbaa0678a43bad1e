package secretvet

import (
	"go/constant"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// verbs are the verbs of a constant format.
type verbs []rune

// verbsOf returns the verbs of the format that is args[n], or nil if it isn't constant.
func verbsOf(args []ssa.Value, n int) verbs {
	if n < 0 || n >= len(args) {
		return nil
	}
	s, ok := constantOf(args[n])
	if !ok {
		return nil
	}
	return parseVerbs(s)
}

// constantOf returns the string that a constant is.
func constantOf(v ssa.Value) (string, bool) {
	c, ok := v.(*ssa.Const)
	if !ok || c.Value == nil || c.Value.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(c.Value), true
}

func parseVerbs(f string) verbs {
	var vs verbs
	for {
		i := strings.IndexByte(f, '%')
		if i < 0 {
			return vs
		}
		f = strings.TrimLeft(f[i+1:], "+-# 0123456789.")
		if f == "" {
			return vs
		}
		switch f[0] {
		case '%':
		case '*', '[':
			return nil
		default:
			vs = append(vs, rune(f[0]))
		}
		f = f[1:]
	}
}

// hide reports whether the format shows nothing of its argument j: %T and %p don't.
func (vs verbs) hide(n, j, format int) bool {
	return n == format+1 && j < len(vs) && (vs[j] == 'T' || vs[j] == 'p')
}

func constantString(tv types.TypeAndValue) string {
	if tv.Value == nil || tv.Value.Kind() != constant.String {
		return ""
	}
	return constant.StringVal(tv.Value)
}
