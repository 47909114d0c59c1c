package observability

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

const (
	otherMethod         = "_OTHER"
	clientClosedRequest = 499 // as many proxies log it: nobody was there to be answered
	maxPath             = 2048
	maxUserAgent        = 512
)

// Observe is the outermost middleware: it gives each request its ids, counts, measures, traces and logs it.
func Observe(
	log *slog.Logger,
	metrics *Metrics,
	tracer trace.Tracer,
	clientAddress func(*http.Request) string,
	template func(*gin.Context) string,
) gin.HandlerFunc {
	return func(c *gin.Context) {
		started := time.Now()
		method := methodOf(c.Request)
		path := c.Request.URL.EscapedPath()
		request := &Request{ID: requestID(c.Request.Header), ClientAddress: clientAddress(c.Request)}
		ctx := trace.ContextWithRemoteSpanContext(c.Request.Context(), remoteParent(c.Request.Header))
		ctx, span := tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
		c.Request = c.Request.WithContext(WithRequest(ctx, request))
		c.Header("X-Request-Id", request.ID)
		active := metrics.HTTPServerActiveRequests.WithLabelValues(method)
		active.Inc()

		c.Next()

		active.Dec()
		status := statusOf(c)
		route := template(c)
		if status == http.StatusMethodNotAllowed {
			route = ""
		}
		seconds := time.Since(started).Seconds()
		metrics.HTTPServerRequestDurationSeconds.WithLabelValues(method, route, strconv.Itoa(status)).Observe(seconds)
		endSpan(span, method, path, route, status)
		attributes := []slog.Attr{
			Event("http.server.request"),
			slog.String("http.request.method", method),
			slog.String("url.path", cut(path, maxPath)),
			slog.Int("http.response.status_code", status),
			slog.Float64("http.server.request.duration", math.Round(seconds*1e6)/1e6),
		}
		if route != "" {
			attributes = append(attributes, slog.String("http.route", route))
		}
		if agent := c.Request.UserAgent(); agent != "" {
			attributes = append(attributes, slog.String("user_agent.original", cut(agent, maxUserAgent)))
		}
		log.LogAttrs(c.Request.Context(), accessLevel(route, status), "request answered", attributes...)
	}
}

func methodOf(request *http.Request) string {
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodTrace, http.MethodConnect,
	}
	if slices.Contains(known, request.Method) {
		return request.Method
	}
	return otherMethod
}

// statusOf tells what was answered from what nobody was there to read.
func statusOf(c *gin.Context) int {
	if !c.Writer.Written() && errors.Is(c.Request.Context().Err(), context.Canceled) {
		return clientClosedRequest
	}
	return c.Writer.Status()
}

func endSpan(span trace.Span, method, path, route string, status int) {
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("http.request.method", method),
			attribute.String("url.path", path),
			attribute.Int("http.response.status_code", status),
		)
		if route != "" {
			span.SetName(method + " " + route)
			span.SetAttributes(attribute.String("http.route", route))
		}
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

func accessLevel(route string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case slices.Contains([]string{"/livez", "/readyz", "/metrics"}, route):
		return slog.LevelDebug
	case slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, status):
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// cut leaves no half of a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}
