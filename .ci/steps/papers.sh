# papers: the shell scripts, the workflows, the policies, and the list of modules for Dependabot
# shellcheck shell=bash

actionlint=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

scripts() {
	git ls-files -z .ci >"$WORK/scripts"
	xargs -0 shellcheck -x <"$WORK/scripts"
}

# actionlint hands the workflows' own lines of shell to shellcheck, too.
workflows() { go run "$actionlint"; }

# zizmor looks for weak points: unpinned actions, rights that are too wide, untrusted input
# in a shell. It does not call GitHub here.
attacks() { "$WORK/python/bin/zizmor" --offline --pedantic .github; }

# The tests of cmd/typedsecret compare these files with what the command writes. A policy stands on
# parliament's command line, since it reads no file without a terminal.
policies() {
	local bin=$WORK/python/bin dir=cmd/typedsecret/internal/policy/testdata
	"$bin/parliament" --string "$(<"$dir/policy.json")"
	"$bin/cfn-lint" "$dir/template.json"
	"$bin/hcl2tojson" "$dir/policy.tf" >/dev/null
}

# Dependabot looks only into the directories in its configuration.
every_module_is_updated() {
	modules | sed 's|^\.$||; s|^|/|' | sort >"$WORK/modules-here"
	sed -n '/package-ecosystem: gomod/,/schedule:/s|^ *- \(/.*\)|\1|p' .github/dependabot.yml | sort >"$WORK/modules-listed"
	if ! diff -u "$WORK/modules-listed" "$WORK/modules-here"; then
		echo 'The directories of gomod in .github/dependabot.yml (-) are not those with a go.mod (+).'
		return 1
	fi
}

# The workflow "checks" has a job for each step of .ci/run.
every_step_is_a_job() {
	local jobs
	jobs=$(sed -n 's/^ *step: \[\(.*\)\]$/\1/p' .github/workflows/checks.yml)
	if [ "${jobs//,/}" != "${EVERY[*]}" ]; then
		echo ".github/workflows/checks.yml has the jobs $jobs; the steps of .ci/run are ${EVERY[*]}."
		return 1
	fi
}

need shellcheck
need zizmor
need policy_linters
part 'shellcheck' scripts
part 'actionlint' workflows
part 'zizmor' attacks
part 'policies of cmd/typedsecret' policies
part 'each step is a job' every_step_is_a_job
part 'Dependabot knows every module' every_module_is_updated
