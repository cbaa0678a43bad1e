package engine_test

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// young is a StaleIfError that allows what is not older than a day.
func young(_ error, age time.Duration) bool { return age <= 24*time.Hour }

// wantUnknownAge checks that a start in an outage takes the value of db for one of any age.
func wantUnknownAge(t *testing.T, path string, k *clock) {
	t.Helper()
	var told time.Duration
	c, _ := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{
		StaleIfError: func(_ error, age time.Duration) bool { told = age; return true },
	}))
	defer c.Close()
	snap, err := c.Lookup(t.Context(), ref("db"))
	if err != nil {
		t.Fatal(err)
	}
	if told != math.MaxInt64 || snap.Age() != math.MaxInt64 || !snap.Expired() {
		t.Errorf("StaleIfError got %v, Age is %v, expired %v", told, snap.Age(), snap.Expired())
	}
	if fetched := snap.Metadata().FetchedAt; !fetched.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("FetchedAt is %v", fetched)
	}
	strict, _ := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{StaleIfError: young}))
	defer strict.Close()
	wantErr(t, strict, "db", secret.ErrUnavailable)
}

func TestOfAClockThatIsBehindTheSealedFileTheAgeIsUnknown(t *testing.T) {
	for name, row := range map[string]struct{ wait, back time.Duration }{
		"fetched in the future":                   {0, 6 * time.Second},
		"fetched in the past, written afterwards": {time.Hour, time.Minute},
		"set back by years":                       {time.Hour, 5 * 365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := serving("db", "key")
				path := filepath.Join(t.TempDir(), "secrets.sealed")
				c := open(t, s, engine.Config{}.WithSealedFile(path, gcm(t, "key")))
				get(t, c, "db")
				time.Sleep(row.wait)
				get(t, c, "key") // and both are written
				c.Close()
				k := &clock{}
				k.set(-row.back)
				wantUnknownAge(t, path, k)
				k.set(row.back)
				known, _ := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{StaleIfError: young}))
				wantGet(t, known, "db", "db v1")
			})
		})
	}
}

// TestAnAgeThatIsUnknownStaysUnknown when the clock has caught up: in memory, and in the
// file, after another process has written it by the clock that was behind.
func TestAnAgeThatIsUnknownStaysUnknown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		time.Sleep(time.Hour)
		s, k := serving("key"), &clock{}
		k.set(-2 * time.Hour)
		inMemory, _ := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{Backoff: every(time.Second)}))
		snap, err := inMemory.Lookup(t.Context(), ref("db"))
		if err != nil {
			t.Fatal(err)
		}
		writer := open(t, s, k.config(engine.Config{}.WithSealedFile(path, gcm(t, "key"))))
		get(t, writer, "key")
		writer.Close()
		k.set(2 * time.Hour)
		time.Sleep(time.Hour)
		if age := snap.Age(); age != math.MaxInt64 {
			t.Errorf("in memory the age is %v", age)
		}
		wantUnknownAge(t, path, k)
		known, _ := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{StaleIfError: young}))
		wantGet(t, known, "key", "key v1")
	})
}

// TestClocksOfMachinesThatShareASealedFileMayDiffer by some seconds.
func TestClocksOfMachinesThatShareASealedFileMayDiffer(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db", "key"), &clock{}
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		cfg := engine.Config{StaleIfError: young}.WithSealedFile(path, gcm(t, "key"))
		behind, ahead := open(t, s, k.config(cfg)), open(t, s, cfg)
		get(t, behind, "db")
		time.Sleep(10 * time.Minute)
		s.rotate("db", "v2")
		get(t, ahead, "db")
		ahead.Close()
		k.set(-5 * time.Second)
		get(t, behind, "key") // writes, and knows an older value of db
		behind.Close()
		c, _ := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{StaleIfError: young}))
		snap, err := c.Lookup(t.Context(), ref("db"))
		if err != nil || snap.VersionID() != "v2" || snap.Age() != 0 {
			t.Errorf("%v, %v, of age %v", snap, err, snap.Age())
		}
	})
}

// TestTheClockMayBeSetBackWhileTheProcessRuns: what it fetched before has a time in the
// future for the next process, though the file was written later.
func TestTheClockMayBeSetBackWhileTheProcessRuns(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, k := serving("db", "key"), &clock{}
		path := filepath.Join(t.TempDir(), "secrets.sealed")
		c := open(t, s, k.config(engine.Config{}.WithSealedFile(path, gcm(t, "key"))))
		get(t, c, "db")
		time.Sleep(2 * time.Second)
		k.set(-time.Hour)
		get(t, c, "key")
		c.Close()
		wantUnknownAge(t, path, k)
		known, _ := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{StaleIfError: young}))
		wantGet(t, known, "key", "key v1")
	})
}

func TestAnAgeThatIsUnknownIsWrittenAsUnknownIfTheFileWasLost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		time.Sleep(time.Hour)
		k := &clock{}
		k.set(-2 * time.Hour)
		c, s := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{}))
		get(t, c, "db")
		remove(t, path)
		k.set(2 * time.Hour)
		s.mend()
		get(t, c, "key")
		c.Close()
		wantUnknownAge(t, path, k)
	})
}

// TestAValueOfUnknownAgeIsNotWaitedForAgain: the fetch that failed was a try to refresh it.
func TestAValueOfUnknownAgeIsNotWaitedForAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		path := snapshotOf(t, serving("db"), "db")
		k := &clock{}
		k.set(-time.Hour)
		c, s := startInOutage(t, path, secret.ErrUnavailable, k.config(engine.Config{Backoff: every(time.Second)}))
		get(t, c, "db")
		s.take(5 * time.Second)
		time.Sleep(2 * time.Second)
		if d := took(func() { get(t, c, "db") }); d > 0 {
			t.Errorf("a reader waited for %v", d)
		}
	})
}
