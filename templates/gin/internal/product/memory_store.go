package product

import (
	"context"
	"sync"
	"time"
)

const maxEntries = 1000

// MemoryStore keeps replies in this process.
type MemoryStore struct {
	mutex      sync.Mutex
	generation int64
	entries    map[string]entry
}

type entry struct {
	reply Cached
	end   time.Time
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{entries: map[string]entry{}} }

// Generation implements CacheStore.
func (s *MemoryStore) Generation(context.Context) (int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.generation, nil
}

// RaiseGeneration implements CacheStore.
func (s *MemoryStore) RaiseGeneration(context.Context) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.generation++
	clear(s.entries)
	return nil
}

// Get implements CacheStore.
func (s *MemoryStore) Get(_ context.Context, key string) (Cached, bool, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, isFound := s.entries[key]
	return found.reply, isFound && time.Now().Before(found.end), nil
}

// Set implements CacheStore.
func (s *MemoryStore) Set(_ context.Context, key string, reply Cached, ttl time.Duration) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.entries) >= maxEntries {
		s.forgetHalf()
	}
	s.entries[key] = entry{reply, time.Now().Add(ttl)}
	return nil
}

// forgetHalf is rare, because it forgets so much.
func (s *MemoryStore) forgetHalf() {
	for key := range s.entries {
		delete(s.entries, key)
		if len(s.entries) <= maxEntries/2 {
			return
		}
	}
}
