# servers: tests and rotations against moto, ElasticMQ, PostgreSQL, PgBouncer, MariaDB, Redis, Prometheus and Chromium
# shellcheck shell=bash

# race_with_servers races the module in the current directory. These tests wait for servers most
# of the time, so more packages than there are processors run at a time.
race_with_servers() {
	if needs_servers; then
		CGO_ENABLED=1 MOTO_SERVER="$WORK/python/bin/moto_server" ELASTICMQ_JARS="$WORK/elasticmq" \
			AXE_CORE="$WORK/axe/axe_playwright_python/axe.min.js" \
			go test -race -p 3 ./...
	fi
}

race_all_with_servers() { in_modules race_with_servers; }

# The story of docs/rotation.md.
story() {
	in_module examples/rotation go run .
	in_module examples/rotation go run . -fake
}

# This is a short form of that page's proof. The long form runs all of it.
proof() {
	local short=(-rotations 2)
	if [ -n "$LONG" ]; then
		short=()
	fi
	in_module integration go run ./cmd/proof "${short[@]}"
}

# rotations plays both at a time, since both wait most of the time.
rotations() {
	local told status=0
	told=$(mktemp -p "$WORK")
	story >"$told" 2>&1 &
	proof || status=1
	wait $! || status=1
	cat "$told"
	return "$status"
}

need c_compiler
need postgresql
need pgbouncer
need mariadb
need redis
need prometheus
need moto
need elasticmq
need axe # after moto
need chromium
part 'race detector, with servers' race_all_with_servers
part 'the story of a rotation, and rotations on a real PostgreSQL' rotations
