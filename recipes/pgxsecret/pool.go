package pgxsecret

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool returns the pgxpool.Pool itself, for its statistics, or for a library that wants
// one. A connection that the pgxpool.Pool opens takes two logins, and may be opened after
// its caller has given up. NewConnsCount in its statistics counts twice each connection
// that a method of Pool opened.
func (p *Pool) Pool() *pgxpool.Pool { return p.pool }

// Close closes the pool, and ends the goroutine that watches the secret. Closing the
// pgxpool.Pool itself would leave the goroutine behind.
func (p *Pool) Close() {
	p.close()
	p.pool.Close()
}

// Acquire takes a connection.
func (p *Pool) Acquire(ctx context.Context) (conn *pgxpool.Conn, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		conn, err = p.pool.Acquire(ctx)
		return err
	})
	return conn, err
}

// AcquireFunc calls f with a connection, and then gives the connection back.
func (p *Pool) AcquireFunc(ctx context.Context, f func(*pgxpool.Conn) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return f(conn)
}

// Ping checks that the database answers.
func (p *Pool) Ping(ctx context.Context) error {
	return p.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return conn.Ping(ctx) })
}

// Exec executes a statement.
func (p *Pool) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = p.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
		tag, err = conn.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// Query executes a query that returns rows. If it fails, the rows have the error too.
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (rows pgx.Rows, err error) {
	err = p.do(ctx, func(ctx context.Context) (err error) {
		rows, err = p.pool.Query(ctx, sql, args...)
		return err
	})
	if err != nil {
		rows = failedRows{rows, err}
	}
	return rows, err
}

// failedRows are the rows of a query that failed. They hold its error.
type failedRows struct {
	pgx.Rows
	err error
}

func (r failedRows) Err() error { return r.err }

// QueryRow executes a query that returns one row. Scan gives the connection back, and
// returns the error of the query.
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return row{err: err}
	}
	return row{conn.QueryRow(ctx, sql, args...), conn, nil}
}

type row struct {
	row  pgx.Row
	conn *pgxpool.Conn
	err  error // if it is set, the other fields are not
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.conn.Release()
	return r.row.Scan(dest...)
}

// Begin starts a transaction.
func (p *Pool) Begin(ctx context.Context) (pgx.Tx, error) { return p.BeginTx(ctx, pgx.TxOptions{}) }

// BeginTx starts a transaction with options.
func (p *Pool) BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		conn.Release()
		return nil, err
	}
	return transaction{tx, conn}, nil
}

// A transaction gives its connection back at its end.
type transaction struct {
	pgx.Tx
	conn *pgxpool.Conn
}

func (tx transaction) Commit(ctx context.Context) error {
	defer tx.conn.Release()
	return tx.Tx.Commit(ctx)
}

func (tx transaction) Rollback(ctx context.Context) error {
	defer tx.conn.Release()
	return tx.Tx.Rollback(ctx)
}

// CopyFrom copies rows into a table.
func (p *Pool) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (n int64, err error) {
	err = p.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
		n, err = conn.Conn().CopyFrom(ctx, table, columns, source)
		return err
	})
	return n, err
}

// SendBatch sends a batch. Closing its results gives the connection back. If the batch
// began a transaction, the end of the transaction gives it back.
func (p *Pool) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	return batchResults{conn.SendBatch(ctx, b), conn}
}

type batchResults struct {
	pgx.BatchResults
	conn *pgxpool.Conn
}

func (r batchResults) Close() error {
	err := r.BatchResults.Close()
	if r.BatchResults.Tx() == nil {
		r.conn.Release()
	}
	return err
}

func (r batchResults) Tx() pgx.Tx {
	if tx := r.BatchResults.Tx(); tx != nil {
		return transaction{tx, r.conn}
	}
	return nil
}
