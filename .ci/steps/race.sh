# race: the tests of every module under the race detector, but those that need servers, and those of the repository's own tools
# shellcheck shell=bash

# A module that passed is not raced again while it is unchanged. That means that these are
# unchanged: the bytes of its files and of the files of the modules here that it is built
# from (go.sum included, so the dependencies), Go, the C compiler, the system, and the
# environment. The tests see no other variable than those of `environment`, and use no
# server (needs_servers), so nothing else decides whether they pass. A pass counts for a
# week, on the machine where it was made; the long form ignores it. If a test reads a file
# of a module that it is not built from, as the README's test reads examples, a change of
# that file is not noticed here; the step fast always runs that test.
#
# Go's own test cache is off (.ci/run). It would not serve: CI checks out each change into
# a new directory, and the paths of the files that a test reads are in that cache's key.
passed=${XDG_CACHE_HOME:-$HOME/.cache}/typedsecret-ci/race

# environment prints the variables that the tests see, a line each.
environment() {
	local name
	compgen -e | sort | while read -r name; do
		case $name in
		HOME | PATH | TMPDIR | USER | LOGNAME | LANG | LC_* | TZ | CI | AWS_EC2_METADATA_DISABLED | \
			XDG_CACHE_HOME | XDG_CONFIG_HOME | CC | CXX | CGO_* | GO*)
			printf '%s=%s\n' "$name" "${!name}"
			;;
		esac
	done
}

# sources prints the directories of the modules here that the module in the current
# directory is built from.
sources() {
	local here='{{with .Module}}{{if .Main}}{{.Dir}}{{else if .Replace}}{{if not .Replace.Version}}{{.Dir}}{{end}}{{end}}{{end}}'
	go list -deps -test -f "$here" ./... | sort -u
}

# files prints the path and the hash of each file of the module in a directory, without
# those of the modules below it.
files() {
	local dir=$1 other file below=() present=()
	while read -r other; do
		if [[ $other != . && $ROOT/$other == "$dir"/* ]]; then
			below+=(":(exclude)$ROOT/$other")
		fi
	done <"$WORK/modules"
	git -C "$ROOT" ls-files -z --cached --others --exclude-standard -- "$dir" "${below[@]}" >"$WORK/files"
	while IFS= read -r -d '' file; do
		if [ -f "$ROOT/$file" ]; then # not removed since
			present+=("$file")
		fi
	done <"$WORK/files"
	printf '%s\n' "${present[@]}"
	printf '%s\n' "${present[@]}" | git -C "$ROOT" hash-object --no-filters --stdin-paths
}

# fingerprint prints what decides whether the tests of the module in the current
# directory pass, as one hash.
fingerprint() {
	local list dir
	list=$(sources)
	{
		go version
		go env GOOS GOARCH GOAMD64 GOARM64 GOFLAGS GOEXPERIMENT GODEBUG CGO_CFLAGS CGO_LDFLAGS
		${CC:-gcc} --version # CC may have flags
		uname -srm
		environment | sed "s|$WORK|WORK|g"
		while read -r dir; do
			files "$dir"
		done <<<"$list"
	} | git hash-object --stdin
}

# race races the module in the current directory.
race() {
	local key variables packages detector=(-race -short) # -short: the same tests, with fewer repetitions
	if needs_servers; then
		echo 'left to the step servers'
		return
	fi
	go mod download
	key=$(fingerprint)
	mkdir -p "$passed"
	find "$passed" -type f -mtime +6 -delete || true # another run may delete them too
	if [ -z "$LONG" ] && [ -e "$passed/$key" ]; then
		echo "not raced anew: it is what passed on $(cat "$passed/$key")"
		return
	fi
	mapfile -t variables < <(environment)
	if [ -n "$LONG" ]; then
		detector=(-race)
	fi
	packages=./...
	case ${PWD#"$ROOT/"} in
	"$ROOT") packages=$(library_packages) ;;
	cmd/typedsecret) detector=() ;; # it has one goroutine, and its tests build programs most of the time
	esac
	xargs env -i "${variables[@]}" go test "${detector[@]}" <<<"$packages"
	if [ "$key" = "$(fingerprint)" ]; then
		date +%F >"$passed/$key"
	fi
}

race_all() {
	export CGO_ENABLED=1
	in_modules race
}

need c_compiler
part 'race detector' race_all
