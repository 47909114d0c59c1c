package database

import "context"

const sliceSize = 1000

// InSlices removes a backlog of any size a slice at a time, so that no lock is held for long.
func InSlices(
	ctx context.Context,
	find func(ctx context.Context, limit int) ([]string, error),
	remove func(ctx context.Context, ids []string) error,
) (int, error) {
	count := 0
	for {
		ids, err := find(ctx, sliceSize)
		if err != nil {
			return count, err
		}
		if len(ids) > 0 {
			if err := remove(ctx, ids); err != nil {
				return count, err
			}
			count += len(ids)
		}
		if len(ids) < sliceSize {
			return count, nil
		}
	}
}

// ScanID scans a row that is an id.
func ScanID(row Row) (id string, err error) { return id, row.Scan(&id) }
