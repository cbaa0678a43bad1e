# licences: every dependency of every module has a licence on the list
# shellcheck shell=bash

# The code of this repository has the LICENSE in its root.
ours=github.com/typedsecret/typedsecret

# go-licenses reads the licence files in the module cache, and those of folders within a
# module too; its `check` uses no network. The module proxy does not have its v2.
go_licenses=github.com/google/go-licenses@v1.6.0

# A program that uses a module here may be built from code under these licences. These
# licences require only their notice.
permissive=Apache-2.0,MIT,ISC,BSD-2-Clause,BSD-3-Clause

# Code that is never part of a user's program (tests, the peers in bench, the drivers in integration) may be under
# the MPL too: it binds only its own files.
also_for_tests=$permissive,MPL-2.0

# licences checks the module in the current directory. The modules share most of their
# dependencies, so a package that has passed is not checked again.
licences() {
	case $PWD in
	"$ROOT/bench" | "$ROOT/integration") ;;
	*) licensed built "$permissive" ;;
	esac
	licensed tested "$also_for_tests" -test
}

# licensed NAME ALLOWED [-test] checks the dependencies of the packages here, with those of their
# tests if -test is given. It leaves out what an earlier call with this NAME has checked.
licensed() {
	local name=$1 allowed=$2 passed=$WORK/licensed-$1
	shift 2
	# shellcheck disable=SC2016 # Go's template
	local each='{{$path := .ImportPath}}{{if not (or .ForTest (eq .Name "main"))}}{{with .Module}}{{if not (or .Main .Replace)}}{{$path}} {{.Version}}{{end}}{{end}}{{end}}'
	go list -deps "$@" -f "$each" ./... >"$WORK/listed"
	sort -u "$WORK/listed" -o "$WORK/listed"
	touch "$passed"
	comm -23 "$WORK/listed" "$passed" >"$WORK/new"
	echo "$name: $(wc -l <"$WORK/listed") packages, $(wc -l <"$WORK/new") of them new"
	cut -d' ' -f1 "$WORK/new" | xargs -r "$WORK/go-licenses" check --ignore "$ours" --allowed_licenses "$allowed"
	sort -u "$passed" "$WORK/new" -o "$passed"
}

# The output leaves out warnings about assembler files, whose dependencies it can't follow.
all_licences() {
	GOBIN=$WORK go install "$go_licenses"
	in_modules licences 2> >(grep -vE 'non-Go code|\.s$' >&2)
}

part 'licences of all dependencies' all_licences
