# release: a release as a stranger gets it, the oldest Go on 32 bits, js/wasm
# shellcheck shell=bash

# Makes a release in a clone, and uses its modules from outside the tree. The examples
# that it runs there need redis-server.
release_as_an_outsider_sees_it() { go run ./internal/release check; }

library_tests() {
	local packages short=(-short) # the same tests, with fewer repetitions
	if [ -n "$LONG" ]; then
		short=()
	fi
	packages=$(library_packages)
	xargs go test "${short[@]}" <<<"$packages"
}

# The go line of go.mod is the oldest Go that is promised. The go command gets that
# version from the module proxy. One run shows two things, that this Go suffices and that 32 bits do:
# the step fast runs the same tests with today's Go on 64 bits.
oldest_go_on_32_bits() {
	local oldest
	oldest=go$(go list -m -f '{{.GoVersion}}')
	export GOTOOLCHAIN=$oldest GOARCH=386 CGO_ENABLED=0
	go version
	library_tests
}

wasm() { GOOS=js GOARCH=wasm go build ./...; }

need redis
part 'a release as an outsider sees it' release_as_an_outsider_sees_it
part 'tests with the oldest Go, on 32 bits' oldest_go_on_32_bits
part 'js/wasm builds' wasm
