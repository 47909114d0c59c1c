package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Migrate applies the migrations that the database has not had, in their order. Each stands for itself: those that the
// code does not know any more are left alone, and one that comes later need not sort behind all others.
func (db *DB) Migrate(ctx context.Context, files fs.FS) (err error) {
	options, unlock, err := lockMigrations(db.limits)
	if err != nil {
		return fmt.Errorf("lock the migrations: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	options = append(options, goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true))
	provider, err := goose.NewProvider(gooseDialect, db.pool, files, options...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("apply the migrations: %w", err)
	}
	return nil
}
