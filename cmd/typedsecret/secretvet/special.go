package secretvet

import (
	"strings"

	"golang.org/x/tools/go/ssa"
)

// special follows calls that no table describes.
func (u *unit) special(i ssa.CallInstruction, t target, name string) bool {
	args := t.args
	switch name {
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
	case "net/http.Hijacker.Hijack", "net/http.ResponseController.Hijack":
		u.giveResult(i, 0, taint{pair{"", u.k.writer(classResponse)}: true})
		u.giveResult(i, 1, taint{pair{"", u.k.writer(classResponse)}: true})
	case "errors.As":
		u.fill(args[1:])
		u.assign(u.placeOf(args[1]), u.read(args[0]), nil, i)
	case "os.Setenv":
		u.k.setEnvironment(key(args[0]), u.read(args[1]))
	case "os.Getenv", "os.LookupEnv":
		if at := key(args[0]); at != "[]" {
			u.giveResult(i, 0, u.k.environment[at])
		}
	case "os.Environ":
		for _, t := range u.k.environment {
			u.giveResult(i, 0, t.under(wholePath))
		}
	case "context.WithValue":
		u.giveResult(i, 0, u.read(args[0]))
		u.giveResult(i, 0, u.read(args[2]).under(contextPath(args[1])))
	case "context.Context.Value":
		u.giveResult(i, 0, u.k.at(u.read(args[0]), contextPath(args[1])))
	default:
		return u.writeMethod(i, t, name)
	}
	return true
}

// wholePath is the segment of what is shown only if the whole list is. An element of os.Environ
// does not count as secret by itself: a program that replaces references in its environment by
// secrets shows the references one by one.
const wholePath path = ".whole()"

// setEnvironment notes that a secret was put into an environment variable of the process. If the
// variable's name is no constant, the secret is found only where the whole environment is shown.
func (k *checker) setEnvironment(name path, t taint) {
	for p := range t {
		if !p.from.secret() {
			continue
		}
		if k.environment[name] == nil {
			k.environment[name] = taint{}
		}
		k.changed = k.environment[name].add(pair{"", p.from}) || k.changed
	}
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
