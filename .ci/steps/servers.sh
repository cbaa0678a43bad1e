# servers: tests and rotations against moto, PostgreSQL and Redis
# shellcheck shell=bash

# Never from Go's test cache, which does not know the servers' versions.
race_with_servers() {
	local dir
	export CGO_ENABLED=1 MOTO_SERVER="$WORK/python/bin/moto_server"
	modules >"$WORK/modules"
	while read -r dir; do
		if needs_servers "$dir"; then
			in_module "$dir" go test -race -count=1 ./...
		fi
	done <"$WORK/modules"
}

# The story of the README's section on rotation.
story() {
	in_module examples/rotation go run .
	in_module examples/rotation go run . -fake
}

# The proof of that section, shortened. The long form is the whole.
proof() {
	local short=(-rotations 2)
	if [ -n "$LONG" ]; then
		short=()
	fi
	in_module integration go run ./cmd/proof "${short[@]}"
}

need c_compiler
need postgresql
need redis
need moto
part 'race detector, with servers' race_with_servers
part 'the story of a rotation' story
part 'rotations on a real PostgreSQL' proof
