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

# library_packages prints the packages that users build, and what those import: all of the root
# module but the tools of this repository.
library_packages() { go list ./... | grep -vE '/internal/(apilist|ci|readme|release)$'; }

# nothing fails if the command prints something.
nothing() {
	local out
	out=$("$@")
	if [ -n "$out" ]; then
		printf '%s\n' "$out"
		return 1
	fi
}
