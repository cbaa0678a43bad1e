# shellcheck shell=bash
# The modules of this repository, and what is done in each.

git() { command git -c safe.directory="$ROOT" "$@"; }

# modules prints the directory of each module.
modules() { git ls-files 'go.mod' '*/go.mod' | while read -r f; do dirname "$f"; done; }

# in_modules runs a command in the directory of each module, also after it failed in one.
in_modules() {
	local dir status=0
	modules >"$WORK/modules"
	while read -r dir; do
		set +e
		(
			set -e
			in_module "$dir" "$@"
		)
		status=$((status | $?))
		set -e
	done <"$WORK/modules"
	return "$status"
}

# in_module runs a command in a directory.
in_module() {
	local dir=$1
	shift
	echo "-- $dir: $*"
	(cd "$dir" && "$@") </dev/null
}

# needs_servers reports whether the tests of the module in the current directory start a
# server that the step servers installs. The step race leaves these modules to that step.
needs_servers() {
	case ${PWD#"$ROOT/"} in
	examples/orders | integration | notify/redis | recipes/redissecret) return 0 ;;
	*) return 1 ;;
	esac
}

# library_packages prints the packages that users build, and those that they import: all of the root
# module but the tools of this repository.
library_packages() { go list ./... | grep -vE '/internal/(apilist|ci|readme|release)$'; }

# test_functions prints the package and the name of each function in the tests of the module in the
# current directory whose name begins so. The go command could list them, but only by linking every
# test.
test_functions() {
	local begin=$1 file
	# shellcheck disable=SC2016 # Go's template
	local files='{{$dir := .Dir}}{{range .TestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}'
	go list -f "$files" ./... >"$WORK/test-files"
	while read -r file; do
		sed -n "s|^func \(${begin}[A-Z0-9_][A-Za-z0-9_]*\)(.*|$(dirname "$file") \1|p" "$file"
	done <"$WORK/test-files"
}

# nothing fails if the command prints something.
nothing() {
	local out
	out=$("$@")
	if [ -n "$out" ]; then
		printf '%s\n' "$out"
		return 1
	fi
}
