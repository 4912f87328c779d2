package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What is tried again. A server that restarts, starts up, or hands over to
// another one breaks connections and refuses new ones for a while. Reading may be
// repeated. A transaction that writes has done nothing before COMMIT was sent, so
// up to there it may be repeated, too. What remains is a connection that dies
// after COMMIT was sent: then the transaction may have taken place, or may even
// still be about to. Such a call is repeated with unsure set, and has to find out
// by itself: what was made bears a token of the call, or is the same when it is
// made twice. That the first transaction is over when the second looks is
// certain, because both lock the same row first.

const (
	firstWait = 20 * time.Millisecond
	longest   = time.Second
)

// retry calls try until it succeeds, fails for good, or patience or ctx end. Unsure
// is whether an earlier try may have been committed.
func (s *Store) retry(ctx context.Context, operation string, try func(ctx context.Context, unsure bool) error) error {
	deadline := time.Now().Add(s.patience)
	unsure := false
	for wait := firstWait; ; wait = min(2*wait, longest) {
		err := s.once(ctx, unsure, try)
		if err == nil {
			return nil
		}
		var lost *lostError
		if errors.As(err, &lost) {
			unsure, err = true, lost.err
		}
		if ctx.Err() != nil || s.closed.Load() || !s.passing(err) {
			return s.wrap(operation, err, unsure)
		}
		if outdated(err) {
			s.pool.Reset() // its other connections are no better
		}
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // so that clients don't come back all at once
		if time.Now().Add(pause).After(deadline) {
			return s.wrap(operation, err, unsure)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return s.wrap(operation, ctx.Err(), unsure)
		case <-timer.C:
		}
	}
}

// once limits the time of a try: a server that vanished, without a word to its
// clients, is noticed by nothing else. The limit is beyond that of a statement,
// so that it is the server that speaks where it can.
func (s *Store) once(ctx context.Context, unsure bool, try func(context.Context, bool) error) error {
	if s.timeout == 0 {
		return try(ctx, unsure)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.timeout)
	defer cancel()
	return try(ctx, unsure)
}

// lostError is an error of COMMIT after which nobody knows whether it took place.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

// write runs fn in a transaction. Each of its statements sees what was committed
// before it began.
func (s *Store) write(ctx context.Context, operation string, fn func(ctx context.Context, tx pgx.Tx, unsure bool) error) error {
	return s.retry(ctx, operation, func(ctx context.Context, unsure bool) error {
		err := s.transact(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED", func(tx pgx.Tx) error { return fn(ctx, tx, unsure) })
		if err == nil {
			s.wrote.Store(true)
		}
		return err
	})
}

// read runs fn on one consistent state.
func (s *Store) read(ctx context.Context, operation string, fn func(ctx context.Context, tx pgx.Tx) error) error {
	return s.retry(ctx, operation, func(ctx context.Context, _ bool) error {
		err := s.transact(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", func(tx pgx.Tx) error { return fn(ctx, tx) })
		var lost *lostError
		if errors.As(err, &lost) {
			return lost.err // there was nothing to lose
		}
		return err
	})
}

// query runs fn on a connection, outside of transactions.
func (s *Store) query(ctx context.Context, operation string, fn func(ctx context.Context, q querier) error) error {
	return s.retry(ctx, operation, func(ctx context.Context, _ bool) error { return fn(ctx, s.pool) })
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *Store) transact(ctx context.Context, begin string, fn func(pgx.Tx) error) error {
	// For this transaction only: behind a pooler the session is not ours. The limit
	// on idle time frees the locks of a client that is stopped or cut off.
	begin += "; SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL statement_timeout = " + strconv.FormatInt(s.timeout.Milliseconds(), 10)
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // after Commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err // while it is known that nothing was committed
	}
	err = tx.Commit(ctx)
	if err != nil && !rolledBack(err) {
		return &lostError{err}
	}
	return err
}

// rolledBack tells of an error of COMMIT whether it is certain that nothing was
// committed: the server says so, in an error that does not end the connection.
// pgconn.SafeToRetry does not tell: where a connection ends after the message was
// sent, it is true.
func rolledBack(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.SeverityUnlocalized == "ERROR"
	}
	return errors.Is(err, pgx.ErrTxCommitRollback)
}

// each calls fn for every row of a query.
func each(ctx context.Context, q querier, fn func(pgx.Rows) error, sql string, args ...any) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// limited puts a limit under a query; 0 means none.
func limited(sql string, limit int) string {
	if limit <= 0 {
		return sql
	}
	return fmt.Sprintf("%s LIMIT %d", sql, limit)
}
