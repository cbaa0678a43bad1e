package secretvet

import (
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A move says that a function puts a part of an argument into a result or another argument. The
// receiver of a method is argument 0.
type move struct {
	arg  int
	from path // of the part, in the argument
	kind byte // what gets the part: 'r' a result, 'a' an argument, 'c' a parameter of a function that is an argument
	to   int  // the number of that result or argument
	at   path // in the result or argument; for 'c' the parameter, as (n)
}

// moves describes functions that keep the structure of what they are given. 0[]>r0[(1)] says that
// result 0 is an iterator, which passes on the elements of argument 0 as its second values. [#1] is
// the element whose key is argument 1. c1(0) is parameter 0 of the function that is argument 1.
var moves = parseMoves(`
maps.Keys 0.key()>r0[(0)]
maps.Values 0[]>r0[(0)]
maps.All 0.key()>r0[(0)] 0[]>r0[(1)]
maps.Collect 0[(0)]>r0.key() 0[(1)]>r0[]
maps.Clone 0>r0
maps.Copy 1>a0
maps.Insert 1[(0)]>a0.key() 1[(1)]>a0[]
maps.DeleteFunc 0.key()>c1(0) 0[]>c1(1)

slices.Values 0[]>r0[(0)]
slices.{All,Backward} 0[]>r0[(1)]
slices.{Collect,Sorted,SortedFunc,SortedStableFunc} 0[(0)]>r0[]
slices.AppendSeq 0>r0 1[(0)]>r0[]
slices.Chunk 0>r0[(0)]
slices.{Clone,Clip,Grow,Compact,CompactFunc,Delete,Repeat} 0>r0
slices.DeleteFunc 0>r0 0[]>c1(0)
slices.Insert 0>r0 2>r0
slices.Replace 0>r0 3>r0
slices.Concat 0[]>r0
slices.{Max,Min,MaxFunc,MinFunc} 0[]>r0
slices.{IndexFunc,ContainsFunc} 0[]>c1(0)
cmp.Or 0[]>r0
iter.Pull 0[(0)]>r0[(=0)]
iter.Pull2 0[(0)]>r0[(=0)] 0[(1)]>r0[(=1)]

sync.Map.Store 1>a0.key() 2>a0[#1]
sync.Map.Swap 1>a0.key() 2>a0[#1] 0[#1]>r0
sync.Map.{Load,LoadAndDelete} 0[#1]>r0
sync.Map.LoadOrStore 1>a0.key() 2>a0[#1] 0[#1]>r0 2>r0
sync.Map.Range 0.key()>c1(0) 0[]>c1(1)

os/exec.Command 0>r0.Args 1>r0.Args
os/exec.CommandContext 1>r0.Args 2>r0.Args
os/exec.Cmd.String 0.Args>r0

sync/atomic.{Pointer,Value}.Store 1>a0
sync/atomic.{Pointer,Value}.Load 0>r0
sync/atomic.{Pointer,Value}.Swap 1>a0 0>r0
sync/atomic.{Pointer,Value}.CompareAndSwap 2>a0
sync.Pool.Put 1>a0
sync.Pool.Get 0>r0

C.{CString,CBytes,GoString,GoStringN,GoBytes,strdup,strndup} 0>r0

io.MultiWriter 0[]>r0
encoding/json.{Compact,Indent,HTMLEscape} 1>a0
net/url.{Parse,ParseRequestURI} 0>r0.User 0>r0.RawQuery 0>r1
net/http.NewRequest 1>r0.URL 1>r1
net/http.NewRequestWithContext 2>r0.URL 2>r1
net/http.Client.Do 1.URL>r1
`)

func parseMoves(table string) map[string][]move {
	all := map[string][]move{}
	for l := range strings.Lines(table) {
		words := strings.Fields(l)
		if len(words) == 0 {
			continue
		}
		var list []move
		for _, w := range words[1:] {
			list = append(list, parseMove(w))
		}
		for _, name := range braces(words[0]) {
			all[name] = list
		}
	}
	return all
}

func parseMove(s string) move {
	from, to, _ := strings.Cut(s, ">")
	return move{arg: int(from[0] - '0'), from: from[1:], kind: to[0], to: int(to[1] - '0'), at: to[2:]}
}

// move follows a call of a function that the table moves describes.
func (u *unit) move(i ssa.CallInstruction, t target, name string) bool {
	list, ok := moves[name]
	for _, m := range list {
		if m.arg >= len(t.args) {
			continue // another function of the same name
		}
		got := u.k.at(u.read(t.args[m.arg]), withKey(m.from, t.args))
		at := withKey(m.at, t.args)
		switch m.kind {
		case 'r':
			u.giveResult(i, m.to, got.under(at))
		case 'a':
			u.assign(u.placeOf(t.args[m.to]).at(at), got, nil, i)
		case 'c':
			n, _ := strconv.Atoi(strings.Trim(m.at, "()"))
			for _, f := range u.functionsIn(t.args[m.to]) {
				u.lend(i, f, n, got)
			}
		}
	}
	return ok
}

// withKey replaces [#n] in p by the element whose key is argument n.
func withKey(p path, args []ssa.Value) path {
	before, n, ok := strings.Cut(p, "[#")
	if !ok {
		return p
	}
	return before + key(args[n[0]-'0'])
}
