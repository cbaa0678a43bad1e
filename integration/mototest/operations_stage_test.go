package mototest_test

import "strings"

var stageMoves = []operation{
	{"stages after two values", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.stages(nil, nil)
	}},
	{"stages after three values", func(tr *trial) (any, error) {
		tr.having("one", "two", "three")
		return tr.stages(nil, nil)
	}},
	{"a rotation's stages before its finish", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.stages(tr.put("s", v2, "two", "AWSPENDING"))
	}},
	{"a rotation's stages after its finish", func(tr *trial) (any, error) {
		tr.pendingMoved()
		return tr.stages(nil, nil)
	}},
	{"a rotation's stages after its finish and the removal of AWSPENDING", func(tr *trial) (any, error) {
		tr.pendingMoved()
		return tr.stages(tr.move("s", "AWSPENDING", v2, ""))
	}},
	{"PutSecretValue while the current version bears AWSPENDING too: the stages", func(tr *trial) (any, error) {
		tr.pendingMoved()
		return tr.stages(tr.put("s", v3, "three"))
	}},
	{"PutSecretValue as AWSPENDING while the current version bears it: the stages", func(tr *trial) (any, error) {
		tr.pendingMoved()
		return tr.stages(tr.put("s", v3, "three", "AWSPENDING"))
	}},
	{"PutSecretValue while the current version bears another label: the stages", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.move("s", "blue", "", v1)
		tr.must(err)
		return tr.stages(tr.put("s", v2, "two"))
	}},
	{"PutSecretValue that takes some of a version's labels: the stages", func(tr *trial) (any, error) {
		tr.having("one")
		_, err := tr.put("s", v2, "two", "blue", "green")
		tr.must(err)
		return tr.stages(tr.put("s", v3, "three", "green", "red"))
	}},

	{"UpdateSecretVersionStage", func(tr *trial) (any, error) {
		tr.pending()
		return tr.move("s", "AWSCURRENT", v1, v2)
	}},
	{"UpdateSecretVersionStage of AWSCURRENT, back to the previous version: the stages", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.stages(tr.move("s", "AWSCURRENT", v2, v1))
	}},
	{"UpdateSecretVersionStage of AWSCURRENT without RemoveFromVersionId", func(tr *trial) (any, error) {
		tr.pending()
		return tr.move("s", "AWSCURRENT", "", v2)
	}},
	{"UpdateSecretVersionStage of AWSCURRENT to nowhere", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.move("s", "AWSCURRENT", v1, "")
	}},
	{"UpdateSecretVersionStage of AWSCURRENT from another version than has it", func(tr *trial) (any, error) {
		tr.pending()
		return tr.move("s", "AWSCURRENT", v2, v2)
	}},
	{"UpdateSecretVersionStage of AWSCURRENT to where it is: the stages", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.stages(tr.move("s", "AWSCURRENT", v2, v2))
	}},
	{"UpdateSecretVersionStage of AWSCURRENT to where it is, without RemoveFromVersionId", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.move("s", "AWSCURRENT", "", v1)
	}},
	{"UpdateSecretVersionStage to an unknown version", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.move("s", "blue", "", v2)
	}},
	{"UpdateSecretVersionStage from an unknown version", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.move("s", "AWSCURRENT", v2, v1)
	}},
	{"UpdateSecretVersionStage with neither version", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.move("s", "blue", "", "")
	}},
	{"UpdateSecretVersionStage of an unknown secret", func(tr *trial) (any, error) { return tr.move("unknown", "blue", "", v1) }},
	{"UpdateSecretVersionStage of a label of one's own: the stages", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.stages(tr.move("s", "blue", "", v1))
	}},
	{"UpdateSecretVersionStage of a label of one's own from one version to another: the stages", func(tr *trial) (any, error) {
		tr.blue()
		return tr.stages(tr.move("s", "blue", v1, v2))
	}},
	{"UpdateSecretVersionStage of a label of one's own without RemoveFromVersionId: the stages", func(tr *trial) (any, error) {
		tr.blue()
		return tr.stages(tr.move("s", "blue", "", v2))
	}},
	{"UpdateSecretVersionStage of a label of one's own to where it is: the stages", func(tr *trial) (any, error) {
		tr.blue()
		return tr.stages(tr.move("s", "blue", "", v1))
	}},
	{"UpdateSecretVersionStage of a label of one's own to nowhere: the stages", func(tr *trial) (any, error) {
		tr.blue()
		return tr.stages(tr.move("s", "blue", v1, ""))
	}},
	{"UpdateSecretVersionStage of a label from a version that lacks it", func(tr *trial) (any, error) {
		tr.blue()
		return tr.move("s", "blue", v2, "")
	}},
	{"UpdateSecretVersionStage of AWSPREVIOUS to nowhere: the stages", func(tr *trial) (any, error) {
		tr.having("one", "two")
		return tr.stages(tr.move("s", "AWSPREVIOUS", v1, ""))
	}},
	{"UpdateSecretVersionStage of a label of 257 characters", func(tr *trial) (any, error) {
		tr.having("one")
		return tr.move("s", strings.Repeat("x", 257), "", v1)
	}},
}

// pending makes a secret s with a version v2 that has the label AWSPENDING.
func (tr *trial) pending() {
	tr.t.Helper()
	tr.having("one")
	_, err := tr.put("s", v2, "two", "AWSPENDING")
	tr.must(err)
}

// pendingMoved does what the last step of a rotation does: v2 has AWSCURRENT then, and
// still AWSPENDING.
func (tr *trial) pendingMoved() {
	tr.t.Helper()
	tr.pending()
	_, err := tr.move("s", "AWSCURRENT", v1, v2)
	tr.must(err)
}

// blue makes a secret s with versions v1 and v2. Version v1 has the label blue.
func (tr *trial) blue() {
	tr.t.Helper()
	tr.having("one", "two")
	_, err := tr.move("s", "blue", "", v1)
	tr.must(err)
}
