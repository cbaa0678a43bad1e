# release: a release as a stranger gets it, the oldest Go, 32 bits, js/wasm
# shellcheck shell=bash

# Makes a release in a clone, and uses its modules from outside the tree. The examples
# that it runs there need redis-server.
release_as_an_outsider_sees_it() { go run ./internal/release check; }

# library_tests runs the tests of the packages that users build, and what those import.
library_tests() {
	local packages
	packages=$(go list ./... | grep -vE '/internal/(apilist|ci|readme|release)$')
	xargs go test <<<"$packages"
}

# The go line of go.mod is the oldest Go that is promised. The go command gets that
# version from the module proxy.
oldest_go() {
	local oldest
	oldest=go$(go list -m -f '{{.GoVersion}}')
	export GOTOOLCHAIN=$oldest
	go version
	library_tests
}

thirty_two_bits() {
	export GOARCH=386 CGO_ENABLED=0
	library_tests
}

wasm() { GOOS=js GOARCH=wasm go build ./...; }

need redis
part 'a release as an outsider sees it' release_as_an_outsider_sees_it
part 'tests with the oldest Go' oldest_go
part 'tests on 32 bits' thirty_two_bits
part 'js/wasm builds' wasm
