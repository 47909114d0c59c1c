package database

import (
	"database/sql/driver"
	"fmt"
	"time"
)

const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a moment as replies show it: RFC 3339 in UTC, to the millisecond. What is stored is as precise.
type Time struct {
	moment time.Time
}

// TimeOf cuts a moment to the millisecond.
func TimeOf(moment time.Time) Time { return Time{moment.UTC().Truncate(time.Millisecond)} }

// Now is the application's clock.
func Now() Time { return TimeOf(time.Now()) }

// ParseTime reads what String writes.
func ParseTime(text string) (Time, error) {
	moment, err := time.Parse(timeLayout, text)
	if err != nil {
		return Time{}, fmt.Errorf("read a time: %w", err)
	}
	return Time{moment}, nil
}

// Add returns the moment a while later, or earlier.
func (t Time) Add(duration time.Duration) Time { return TimeOf(t.moment.Add(duration)) }

// Before reports whether t comes before other.
func (t Time) Before(other Time) bool { return t.moment.Before(other.moment) }

// Unix returns seconds since 1970.
func (t Time) Unix() int64 { return t.moment.Unix() }

func (t Time) String() string { return t.moment.Format(timeLayout) }

// AppendText implements encoding.TextAppender, for JSON.
func (t Time) AppendText(text []byte) ([]byte, error) {
	return t.moment.AppendFormat(text, timeLayout), nil
}

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTime(string(text))
	return err
}

// Scan implements sql.Scanner.
func (t *Time) Scan(value any) (err error) {
	switch value := value.(type) {
	case time.Time:
		*t = TimeOf(value)
	case string:
		*t, err = ParseTime(value)
	default:
		err = fmt.Errorf("a %T is not a time", value)
	}
	return err
}

// Value implements driver.Valuer.
func (t Time) Value() (driver.Value, error) { return timeValue(t.moment), nil }

// IsStorable reports whether every database has this moment. None has the year 0.
func (t Time) IsStorable() bool { return t.moment.Year() > 0 }
