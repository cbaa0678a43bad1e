package pgxsecret

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool returns the pgxpool.Pool itself, for its statistics, say. What makes connections
// by it does not try a refused login again.
func (p *Pool) Pool() *pgxpool.Pool { return p.pool }

// Close closes the pool.
func (p *Pool) Close() { p.pool.Close() }

// Acquire takes a connection. For what the Pool has no method for, a batch say.
func (p *Pool) Acquire(ctx context.Context) (conn *pgxpool.Conn, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		conn, err = p.pool.Acquire(ctx)
		return err
	})
	return conn, err
}

// Ping asks the database for a sign of life.
func (p *Pool) Ping(ctx context.Context) error { return p.do(ctx, p.pool.Ping) }

// Exec executes a statement.
func (p *Pool) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		tag, err = p.pool.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// Query executes a query that returns rows.
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (rows pgx.Rows, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		rows, err = p.pool.Query(ctx, sql, args...)
		return err
	})
	return rows, err
}

// QueryRow executes a query that returns one row. What fails is the error of Scan.
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := p.Query(ctx, sql, args...)
	return row{rows, err}
}

type row struct {
	rows pgx.Rows
	err  error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// Begin starts a transaction.
func (p *Pool) Begin(ctx context.Context) (pgx.Tx, error) { return p.BeginTx(ctx, pgx.TxOptions{}) }

// BeginTx starts a transaction with options.
func (p *Pool) BeginTx(ctx context.Context, opts pgx.TxOptions) (tx pgx.Tx, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		tx, err = p.pool.BeginTx(ctx, opts)
		return err
	})
	return tx, err
}

// CopyFrom copies rows into a table.
func (p *Pool) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (n int64, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		n, err = p.pool.CopyFrom(ctx, table, columns, source)
		return err
	})
	return n, err
}
