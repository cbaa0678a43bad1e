# fast: quickstart, the root's tests, format, vet, staticcheck, go.mod, builds, API
# shellcheck shell=bash

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
gofumpt=mvdan.cc/gofumpt@v0.12.0

quickstart() { go run ./examples/quickstart; }

tests() { go test ./...; }

formatted() {
	git ls-files -z '*.go' >"$WORK/files"
	nothing xargs -0 gofmt -l <"$WORK/files"
	nothing xargs -0 go run "$gofumpt" -l <"$WORK/files"
}

# Tests for Unix alone must say so.
vet() {
	in_modules go vet ./...
	GOOS=windows go vet ./...
}

static() { in_modules go run "$staticcheck" ./...; }

tidy() { in_modules go mod tidy -diff; }

builds() { in_modules go build -o /dev/null ./...; }

api() {
	if ! go run ./internal/apilist | diff -u api.txt -; then
		echo 'The public API is not as listed. If that is meant: go run ./internal/apilist > api.txt'
		return 1
	fi
}

part 'quickstart, as the README has it' quickstart
part 'tests, as the README has them' tests
part 'gofmt and gofumpt' formatted
part 'go vet' vet
part 'staticcheck' static
part 'go.mod is tidy' tidy
part 'all builds, examples too' builds
part 'public API is as listed' api
