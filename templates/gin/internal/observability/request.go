// Package observability has the log, the metrics and the traces of the service.
package observability

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
)

var (
	uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	// Version 00 has these four fields and nothing else. Later versions may append to them (W3C Trace Context §4.3).
	traceparentForm = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$`)
)

// Request says who and what the current request is, for the log, for traces and for problems.
type Request struct {
	ID            string
	ClientAddress string
	// UserID is set once the caller is known.
	UserID string
}

type requestKey struct{}

// WithRequest returns a context that carries the request.
func WithRequest(ctx context.Context, request *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, request)
}

// RequestOf returns the request of a context, or nil outside of requests.
func RequestOf(ctx context.Context) *Request {
	request, _ := ctx.Value(requestKey{}).(*Request)
	return request
}

// requestID takes the id that came with a request if it is a UUID.
func requestID(header http.Header) string {
	if given := strings.ToLower(header.Get("X-Request-Id")); uuidForm.MatchString(given) {
		return given
	}
	return uuid.NewString()
}

// remoteParent returns the caller's place in a trace. An invalid header counts as none.
func remoteParent(header http.Header) trace.SpanContext {
	given := header.Values("Traceparent")
	if len(given) != 1 {
		return trace.SpanContext{}
	}
	match := traceparentForm.FindStringSubmatch(given[0])
	if match == nil || match[1] == "ff" || (match[1] == "00" && match[5] != "") {
		return trace.SpanContext{}
	}
	// The form is right, but zeros are not allowed: then the context is not valid.
	traceID, _ := trace.TraceIDFromHex(match[2])
	spanID, _ := trace.SpanIDFromHex(match[3])
	var flags trace.TraceFlags
	if strings.ContainsAny(match[4][1:], "13579bdf") {
		flags = trace.FlagsSampled
	}
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: flags, Remote: true})
	if !parent.IsValid() {
		return trace.SpanContext{}
	}
	return parent
}
