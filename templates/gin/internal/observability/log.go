package observability

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// LevelFatal is for what ends the process.
const LevelFatal = slog.Level(12)

const timestampLayout = "2006-01-02T15:04:05.000Z"

// LogSettings says what is logged, and what every line has.
type LogSettings struct {
	Level          string
	Format         string
	ServiceName    string
	ServiceVersion string
	Environment    string
}

// NewLog writes one JSON object a line, or text for people.
func NewLog(output io.Writer, settings LogSettings) *slog.Logger {
	var handler slog.Handler
	if settings.Format == "pretty" {
		handler = slog.NewTextHandler(output, &slog.HandlerOptions{Level: levelOf(settings.Level), ReplaceAttr: toText})
		return slog.New(handler)
	}
	handler = slog.NewJSONHandler(output, &slog.HandlerOptions{Level: levelOf(settings.Level), ReplaceAttr: toLine})
	handler = handler.WithAttrs([]slog.Attr{
		slog.String("service.name", settings.ServiceName),
		slog.String("service.version", settings.ServiceVersion),
		slog.String("deployment.environment.name", settings.Environment),
	})
	return slog.New(requestHandler{handler})
}

func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	case "fatal":
		return LevelFatal
	default:
		return slog.LevelInfo
	}
}

func levelName(level slog.Level) string {
	if level >= LevelFatal {
		return "fatal"
	}
	return strings.ToLower(level.String())
}

func toLine(groups []string, attribute slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return attribute
	}
	switch attribute.Key {
	case slog.TimeKey:
		return slog.String("timestamp", attribute.Value.Time().UTC().Format(timestampLayout))
	case slog.LevelKey:
		level, _ := attribute.Value.Any().(slog.Level)
		return slog.String("level", levelName(level))
	case slog.MessageKey:
		attribute.Key = "message"
	}
	return attribute
}

// toText leaves out what people do not look for.
func toText(_ []string, attribute slog.Attr) slog.Attr {
	switch attribute.Key {
	case slog.TimeKey:
		return slog.String("time", attribute.Value.Time().Format("15:04:05.000"))
	case "event", "user_agent.original", "http.route":
		return slog.Attr{}
	default:
		return attribute
	}
}

// requestHandler adds to each line what is known of its request.
type requestHandler struct {
	slog.Handler
}

func (h requestHandler) Handle(ctx context.Context, record slog.Record) error {
	if request := RequestOf(ctx); request != nil {
		span := trace.SpanContextFromContext(ctx)
		record.AddAttrs(
			slog.String("request_id", request.ID),
			slog.String("trace_id", span.TraceID().String()),
			slog.String("span_id", span.SpanID().String()),
			slog.String("client.address", request.ClientAddress),
		)
		if request.UserID != "" {
			record.AddAttrs(slog.String("user.id", request.UserID))
		}
	}
	return h.Handler.Handle(ctx, record)
}

func (h requestHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attributes)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

// Event names what happened, for who searches the log.
func Event(name string) slog.Attr { return slog.String("event", name) }

// Exception describes an error: the innermost type, the whole message, and where it was logged.
func Exception(err error) []any {
	return []any{
		slog.String("exception.type", typeOf(err)),
		slog.String("exception.message", err.Error()),
		slog.String("exception.stacktrace", stackOf(err)),
	}
}

func typeOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}

// PanicError is an error made of what a handler panicked with.
type PanicError struct {
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return fmt.Sprint(p.Value) }

func stackOf(err error) string {
	var panicked *PanicError
	if errors.As(err, &panicked) {
		return string(panicked.Stack)
	}
	var lines []string
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		lines = append(lines, fmt.Sprintf("%T: %s", inner, inner.Error()))
	}
	return strings.Join(slices.Concat(lines, []string{string(debug.Stack())}), "\n")
}
