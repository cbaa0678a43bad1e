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

# licences checks the module in the current directory.
licences() {
	local built=$permissive
	case $PWD in
	"$ROOT/bench" | "$ROOT/integration") built=$also_for_tests ;;
	esac
	"$WORK/go-licenses" check --ignore "$ours" --allowed_licenses "$built" ./...
	go list -deps -test -f '{{if and .Module (not .ForTest) (ne .Name "main")}}{{.ImportPath}}{{end}}' ./... >"$WORK/tested"
	sort -u "$WORK/tested" | xargs -r "$WORK/go-licenses" check --ignore "$ours" --allowed_licenses "$also_for_tests"
}

# The output leaves out warnings about assembler files, whose dependencies it can't follow.
all_licences() {
	GOBIN=$WORK go install "$go_licenses"
	in_modules licences 2> >(grep -vE 'non-Go code|\.s$' >&2)
}

part 'licences of all dependencies' all_licences
