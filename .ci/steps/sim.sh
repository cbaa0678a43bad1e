# sim: a fleet of 500 processes, chaos of 2,000 sequences; 10,000 and 100,000 in the long form
# shellcheck shell=bash

# The targets in bench/fleet.md are for ten thousand processes, so only the long form
# judges by them.
fleet() {
	local short=(-n 500)
	if [ -n "$LONG" ]; then
		short=()
	fi
	in_module bench go run ./cmd/fleet "${short[@]}" -out ''
}

chaos() {
	local sequences=2000
	if [ -n "$LONG" ]; then
		sequences=100000
	fi
	in_module bench go run ./cmd/chaos -seed 1 -n "$sequences"
}

part 'a fleet, simulated' fleet
part 'chaos, simulated' chaos
