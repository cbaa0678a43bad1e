package readme

import "testing"

func TestReadmeCodeIsTakenFromCodeThatRuns(t *testing.T) {
	files, err := Sources(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(files)
}
