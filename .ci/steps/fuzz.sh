# fuzz: every fuzz target, 3 s each; 3 min in the long form
# shellcheck shell=bash

fuzztime=3s
if [ -n "$LONG" ]; then
	fuzztime=3m
fi

# fuzz runs each target of the module in the current directory.
fuzz() {
	local package target
	test_functions Fuzz >"$WORK/targets"
	while read -r package target; do
		echo "$package $target"
		fuzz_target "$package" "$target"
	done <"$WORK/targets"
}

# fuzz_target fuzzes one target. It tries again if Go reports the end of the time as a
# failure (https://go.dev/issue/75804, fixed in Go 1.27); such a failure names no failing
# input.
fuzz_target() {
	local package=$1 target=$2 try
	for try in 1 2 3; do
		if go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime 20x "$package" </dev/null 2>&1 |
			tee "$WORK/fuzzed"; then
			return
		fi
		if ! grep -q '^ *context deadline exceeded$' "$WORK/fuzzed" || grep -q 'Failing input' "$WORK/fuzzed"; then
			return 1
		fi
		echo "try $try ended by https://go.dev/issue/75804"
	done
	return 1
}

fuzz_all() { in_modules fuzz; }

part "fuzz targets, $fuzztime each" fuzz_all
