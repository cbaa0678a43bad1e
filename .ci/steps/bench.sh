# bench: each benchmark once
# shellcheck shell=bash

benchmarks() { in_modules go test -run '^$' -bench . -benchtime 1x ./...; }

part 'benchmarks, once' benchmarks
