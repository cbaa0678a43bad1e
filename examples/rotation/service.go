package main

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret"
)

// Each service has workers that query. The connections of its pool live for a second, so
// that there are logins all the time.
const (
	workers  = 8
	lifetime = time.Second
	pause    = 10 * time.Millisecond // between two queries of a worker
)

// A service queries a database and counts.
type service struct {
	name string
	db   *sql.DB

	mu      sync.Mutex // guards the rest
	queries int
	failed  int
	longest time.Duration
	err     error // the last error
}

func newService(name string, db *sql.DB) *service {
	db.SetMaxOpenConns(workers)
	db.SetMaxIdleConns(workers)
	db.SetConnMaxLifetime(lifetime)
	return &service{name: name, db: db}
}

// run queries until ctx is done.
func (s *service) run(ctx context.Context) {
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for ctx.Err() == nil {
				s.query()
				wait(ctx, pause)
			}
		})
	}
	running.Wait()
}

func (s *service) query() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*typedsecret.DefaultRetryBudget)
	defer cancel()
	began := time.Now()
	var one int
	err := s.db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries++
	s.longest = max(s.longest, time.Since(began))
	if err != nil {
		s.failed++
		s.err = err
	}
}

// report prints what was counted since the last report.
func (s *service) report() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("        %-16s %5d queries, %4d failed, the longest took %v\n", s.name, s.queries, s.failed, s.longest.Round(time.Millisecond))
	if s.err != nil {
		fmt.Printf("        %-16s %v\n", "", s.err)
	}
	s.queries, s.failed, s.longest, s.err = 0, 0, 0, nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
