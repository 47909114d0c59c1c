package ratelimit

import (
	"context"
	"sync"
	"time"
)

const sweepEvery = time.Minute

// Memory counts in this process, so production refuses more than one.
type Memory struct {
	mutex     sync.Mutex
	windows   map[string]*window
	nextSweep time.Time
}

type window struct {
	count int
	end   time.Time
}

// NewMemory returns counters without hits.
func NewMemory() *Memory { return &Memory{windows: map[string]*window{}} }

// Hit implements Counters.
func (m *Memory) Hit(_ context.Context, key string, length time.Duration) (Window, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := time.Now()
	m.sweep(now)
	open := m.windows[key]
	if open == nil || !open.end.After(now) {
		open = &window{end: now.Add(length)}
		m.windows[key] = open
	}
	open.count++
	return newWindow(open.count, open.end.Sub(now), length), nil
}

// Forget implements Counters.
func (m *Memory) Forget(_ context.Context, key string) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.windows, key)
	return nil
}

// TakeBack implements Counters.
func (m *Memory) TakeBack(_ context.Context, key string) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if open := m.windows[key]; open != nil && open.count > 0 {
		open.count--
	}
	return nil
}

func (m *Memory) sweep(now time.Time) {
	if now.Before(m.nextSweep) {
		return
	}
	for key, open := range m.windows {
		if !open.end.After(now) {
			delete(m.windows, key)
		}
	}
	m.nextSweep = now.Add(sweepEvery)
}
