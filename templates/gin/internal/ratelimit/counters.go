// Package ratelimit counts requests in windows of time.
package ratelimit

import (
	"context"
	"time"
)

// Window is fixed: the first hit opens it, the others fall into it.
type Window struct {
	Count       int
	SecondsLeft int
}

// Counters count hits by key.
type Counters interface {
	Hit(ctx context.Context, key string, length time.Duration) (Window, error)
	Forget(ctx context.Context, key string) error
	TakeBack(ctx context.Context, key string) error
}

// newWindow rounds up, and never to more than the whole window, whatever clocks and fractions say.
func newWindow(count int, left, length time.Duration) Window {
	seconds := int((left + time.Second - 1) / time.Second)
	return Window{count, min(int(length/time.Second), max(1, seconds))}
}
