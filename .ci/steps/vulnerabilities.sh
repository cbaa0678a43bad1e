# vulnerabilities: govulncheck over every module; by name only, as it needs vuln.go.dev
# shellcheck shell=bash

# govulncheck reads the database at https://vuln.go.dev, which not every machine that runs
# .ci/run can reach, and a new entry there would fail a change that has nothing to do with
# it. So .ci/run leaves this step out, and the workflow "vulnerabilities" runs it each day.
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.9.0

vulnerabilities() { in_modules go run "$govulncheck" -test ./...; }

part 'known vulnerabilities' vulnerabilities
