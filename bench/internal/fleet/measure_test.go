package fleet

import (
	"strings"
	"testing"
	"time"
)

func TestRecoveryIsThatOfWhatWasFailing(t *testing.T) {
	for name, test := range map[string]struct {
		failing   []int
		most, all time.Duration
	}{
		"none was":               {[]int{0}, 0, 0},
		"few of a large fleet":   {[]int{200, 100, 3, 2, 1, 0}, 3 * time.Second, 5 * time.Second},
		"fewer than a hundred":   {[]int{50, 1, 0}, 2 * time.Second, 2 * time.Second},
		"some fail again":        {[]int{200, 1, 50, 0}, 3 * time.Second, 3 * time.Second},
		"all of a sudden":        {[]int{200, 0}, time.Second, time.Second},
		"one in a hundred stays": {[]int{100, 1, 1, 0}, time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := recovered(test.failing); got != (Recovery{test.failing[0], test.most, test.all}) {
				t.Errorf("got %+v, want %v and %v", got, test.most, test.all)
			}
		})
	}
}

func TestWhoNeverSeesTheRotationLowersNoMean(t *testing.T) {
	r := &Record{}
	r.noteSeen(2, rotationAt+time.Minute, 2)
	r.noteSeen(1, time.Second, 2)
	if len(r.Staleness) != 1 || mean(r.Staleness) != time.Minute || r.Unseen != 1 {
		t.Errorf("got %+v", r)
	}
	svg := string(Plots()[2].SVG([]*Record{r}))
	if !strings.Contains(svg, "old version") {
		t.Errorf("the plot of the rotation is %s", svg)
	}
}

func TestTheVerdictIsThatOfTheFigures(t *testing.T) {
	value := func(r *Record) float64 { return float64(r.Unseen) }
	for want, unseen := range map[string][2]int{isBetter: {90, 100}, isAlike: {99, 100}, isWorse: {110, 100}} {
		records := []*Record{{Unseen: unseen[0]}, {Unseen: unseen[1]}}
		if got := (row{value: value}).verdict(records); got != want {
			t.Errorf("%v beside %v: %s", unseen[0], unseen[1], got)
		}
		if got := (row{value: value, fact: true}).verdict(records); got != "" {
			t.Errorf("a fact is judged as %s", got)
		}
	}
	zero := []*Record{{}, {}}
	if got := (row{value: value}).verdict(zero); got != isAlike {
		t.Errorf("none and none: %s", got)
	}
}
