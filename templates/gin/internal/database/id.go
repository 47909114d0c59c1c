package database

import "github.com/google/uuid"

// NewID returns a UUID of version 7 (RFC 9562). It begins with the time, so that primary keys grow.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }
