package database

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// cancelPatience is how long PgBouncer itself waits for the server to take a cancel request.
	cancelPatience = 10 * time.Second
	// cancelDelivery is for the signal from the process that took the request to the one that runs the statement.
	cancelDelivery = 100 * time.Millisecond
)

// canceller makes the server cancel the statement of a session whose context has ended.
//
// It waits for the server's reply, as libpq does. The handler of pgx hangs up if the statement ends first, which makes
// PgBouncer 1.18 (Debian 12) exit, for all its clients.
type canceller struct {
	session *pgconn.PgConn
	// grace is how long the session may take to end its statement.
	grace    time.Duration
	deadline time.Time
	done     chan struct{}
}

// HandleCancel is called when the context ends while a statement runs.
func (c *canceller) HandleCancel(ended context.Context) {
	done := make(chan struct{})
	c.done, c.deadline = done, time.Now().Add(c.grace)
	_ = c.session.Conn().SetDeadline(c.deadline)
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), cancelPatience)
		defer cancel()
		_ = c.session.CancelRequest(ctx) // a server that cannot be reached is noticed by the deadline
		time.Sleep(cancelDelivery)
	}()
}

// HandleUnwatchAfterCancel is called when that statement has ended. A request that is still on its way would cancel the
// next one: then the session is given up.
func (c *canceller) HandleUnwatchAfterCancel() {
	select {
	case <-c.done:
		_ = c.session.Conn().SetDeadline(time.Time{})
	case <-time.After(time.Until(c.deadline)):
		_ = c.session.Conn().Close()
	}
}
