// Command loops makes handles of the elements of a parameter, for the tests of package handles.
package main

import "github.com/typedsecret/typedsecret"

func all(ids ...string) (handles []typedsecret.Handle) {
	for _, id := range ids {
		handles = append(handles, typedsecret.New[string]("all/"+id))
	}
	return handles
}

func each(ids []string) typedsecret.Handle {
	return typedsecret.New[string](ids[0])
}

// none has lists without elements.
func none() (handles []typedsecret.Handle) {
	for _, id := range []string{} {
		handles = append(handles, typedsecret.New[string](id))
	}
	return append(handles, all()...)
}

func main() {
	none()
	list := []string{"c", "d"}
	println(len(all("a", "b")), len(all(list...)), each([]string{"e"}))
}
