# bench: each benchmark once
# shellcheck shell=bash

benchmarks_here() {
	test_functions Benchmark | cut -d' ' -f1 | sort -u | xargs -r go test -run '^$' -bench . -benchtime 1x
}

benchmarks() { in_modules benchmarks_here; }

part 'benchmarks, once' benchmarks
