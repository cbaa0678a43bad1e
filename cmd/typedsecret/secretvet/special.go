package secretvet

import (
	"strings"

	"golang.org/x/tools/go/ssa"
)

// special follows calls that no table describes.
func (u *unit) special(i ssa.CallInstruction, t target, name string) bool {
	args := t.args
	switch name {
	case "net/url.Parse", "net/url.ParseRequestURI": // the host and the path are plain
		data := u.read(args[0]).flat()
		u.giveResult(i, 0, data.under(".User"))
		u.giveResult(i, 0, data.under(".RawQuery"))
		u.giveResult(i, 1, data)
	case "net/http.NewRequest", "net/http.NewRequestWithContext":
		url := u.read(args[len(args)-2]).flat()
		u.giveResult(i, 0, url.under(".URL"))
		u.giveResult(i, 1, url)
	case "net/http.Client.Do":
		u.giveResult(i, 1, u.k.at(u.read(args[1]), ".URL").flat())
	case "strings.Replace", "strings.ReplaceAll", "bytes.Replace", "bytes.ReplaceAll":
		if len(u.secrets(args[1])) == 0 { // else the secret is taken out
			u.giveResult(i, 0, u.read(args[0]).flat())
		}
		u.giveResult(i, 0, u.read(args[2]).flat())
	case "strings.NewReplacer":
		u.giveResult(i, 0, u.read(args[0]).flat())
	case "strings.Replacer.Replace":
		if len(u.secrets(args[0])) == 0 {
			u.giveResult(i, 0, u.read(args[1]).flat())
		}
	case "io.MultiWriter":
		for _, w := range elements(args[0]) {
			u.giveResult(i, 0, u.read(w))
		}
	case "maps.Values", "slices.Values":
		u.giveResult(i, 0, u.k.at(u.read(args[0]), "[]").under(argumentOf(0)))
	case "slices.All", "maps.All":
		u.giveResult(i, 0, u.k.at(u.read(args[0]), "[]").under(argumentOf(1)))
	case "slices.Collect", "slices.Sorted":
		u.giveResult(i, 0, u.k.at(u.read(args[0]), argumentOf(0)).under("[]"))
	case "context.WithValue":
		u.giveResult(i, 0, u.read(args[0]))
		u.giveResult(i, 0, u.read(args[2]).under(contextPath(args[1])))
	case "context.Context.Value":
		u.giveResult(i, 0, u.k.at(u.read(args[0]), contextPath(args[1])))
	case "slices.Clone", "maps.Clone", "cmp.Or":
		for _, a := range args {
			u.giveResult(i, 0, u.read(a))
		}
	default:
		return u.writeMethod(i, t, name)
	}
	return true
}

// contextPath returns the segment of a context's key: its type, and its value if that is
// constant.
func contextPath(key ssa.Value) path {
	key = unboxed(key)
	name := key.Type().String()
	if c, ok := key.(*ssa.Const); ok && c.Value != nil {
		name += "-" + c.Value.ExactString()
	}
	return keyPath(notPlain.ReplaceAllString(name, "_"))
}

// secrets returns what v holds, parameters included.
func (u *unit) secrets(v ssa.Value) taint {
	t := taint{}
	for p := range u.read(v) {
		if p.from.secret() {
			t[p] = true
		}
	}
	return t
}

// writeMethod follows a Write of anything that has one.
func (u *unit) writeMethod(i ssa.CallInstruction, t target, name string) bool {
	if !t.method || len(t.args) != 2 {
		return false
	}
	switch t.obj.Name() {
	case "Write", "WriteString", "WriteByte", "WriteRune", "WriteAll":
	default:
		return false
	}
	if s := u.summaryOf(t.obj); s != nil && !s.empty() {
		return false
	}
	if strings.HasPrefix(name, "crypto/") || strings.HasPrefix(name, "hash") {
		return true
	}
	data := u.text(t.args[1], asText)
	u.write(i, t.args[0], data, sinkRef{Name: shortName(t.obj), Class: classResponse}, 0)
	return true
}
