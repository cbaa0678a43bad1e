package main

import "testing"

func TestNoReadOfThisLibraryFailsInAHangingOutage(t *testing.T) {
	text, failed, err := play(t)
	if err != nil || failed > 0 {
		t.Errorf("%d reads failed, %v:\n%s", failed, err, text)
	}
}
