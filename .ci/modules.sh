# shellcheck shell=bash
# The modules of this repository, and what is done in each.

git() { command git -c safe.directory="$ROOT" "$@"; }

# modules prints the directory of each module.
modules() { git ls-files 'go.mod' '*/go.mod' | while read -r f; do dirname "$f"; done; }

# in_modules runs a command in the directory of each module.
in_modules() {
	local dir
	modules >"$WORK/modules"
	while read -r dir; do
		in_module "$dir" "$@"
	done <"$WORK/modules"
}

# in_module runs a command in a directory.
in_module() {
	local dir=$1
	shift
	echo "-- $dir: $*"
	(cd "$dir" && "$@") </dev/null
}

# needs_servers reports whether the tests of the module in a directory start a server
# that the step servers installs. The step race leaves these modules to the step servers.
needs_servers() {
	case $1 in
	integration | recipes/redissecret) return 0 ;;
	*) return 1 ;;
	esac
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
