package observability

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTraceparent(t *testing.T) {
	t.Parallel()
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for value, isValid := range map[string]bool{
		"00-" + trace + "-" + span + "-01": true, "00-" + trace + "-" + span + "-00": true, "01-" + trace + "-" + span + "-01-more": true,
		"ff-" + trace + "-" + span + "-01": false, "00-" + trace + "-" + span + "-01-x": false, "": false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01": false, "00-" + trace + "-" + strings.Repeat("0", 16) + "-01": false,
	} {
		parent := remoteParent(http.Header{"Traceparent": {value}})
		if parent.IsValid() != isValid || parent.IsSampled() != (isValid && strings.Contains(value[50:], "-01")) {
			t.Error(value)
		}
	}
}

func TestLevelsAndFormats(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"debug", "info", "warn", "error", "fatal"} {
		var text bytes.Buffer
		log := NewLog(&text, LogSettings{Level: name, Format: "json"})
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, LevelFatal} {
			log.Log(t.Context(), level, "x")
		}
		if !strings.Contains(strings.SplitN(text.String(), "\n", 2)[0], `"level":"`+name+`"`) {
			t.Error(text.String())
		}
	}
	var text bytes.Buffer
	NewLog(&text, LogSettings{Format: "pretty"}).Info("hello", Event("hidden"), "n", 1)
	if got := text.String(); !strings.Contains(got, "hello n=1") || strings.Contains(got, "hidden") {
		t.Error(got)
	}
	text.Reset()
	NewLog(&text, LogSettings{}).With("a", 1).WithGroup("g").Info("x", "time", 2)
	if got := text.String(); !strings.Contains(got, `"a":1,"g":{"time":2}`) {
		t.Error(got)
	}
}

func TestExceptionsHaveTheirChain(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	NewLog(&text, LogSettings{}).Error("x", Exception(errors.Join(io.EOF))...)
	if got := text.String(); !strings.Contains(got, `"exception.message":"EOF"`) {
		t.Error(got)
	}
}

// stuck is a pipe that nobody empties.
type stuck chan struct{}

func (s stuck) Write(line []byte) (int, error) {
	<-s
	return len(line), nil
}

func TestStuckOutputKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	pipe := make(stuck)
	output := NewOutput(pipe)
	for range 2 * maxBufferedLines {
		if n, err := output.Write([]byte("x")); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	bounded, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	output.Close(bounded)
	close(pipe)
	<-output.done
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	if got := cut("ää", 3); got != "ä" {
		t.Error(got)
	}
}
