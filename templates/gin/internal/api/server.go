package api

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"time"
)

const (
	maxHeaderBytes = 12 << 10 // net/http reads 4 KiB more
	maxPort        = 65535
)

// host is an address of IPv6, or a name or address of IPv4, and a port (RFC 9110 §7.2, RFC 3986 §3.2.2).
var host = regexp.MustCompile(`^(?:\[([0-9A-Fa-f:.]+)\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::(\d{0,5}))?$`)

// Limits says what clients may keep the server waiting for.
type Limits struct {
	RequestTimeout   time.Duration
	KeepAliveTimeout time.Duration
	MaxBodyBytes     int64
}

// NewServer is net/http's server with limits, and without some of what it lets pass.
func NewServer(handler http.Handler, limits Limits, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: edge(handler, limits),
		// Total times, not times between two bytes: a trickle does not help.
		ReadHeaderTimeout: limits.RequestTimeout,
		ReadTimeout:       limits.RequestTimeout,
		IdleTimeout:       limits.KeepAliveTimeout,
		// WriteTimeout would count from the request. The time to take a reply begins with the reply, see the type reply.
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		ConnContext:                  withConnection,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// edge refuses what is no request, and bounds what is read and written.
func edge(handler http.Handler, limits Limits) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if status := refusal(request); status != 0 {
			writer.Header().Set("Connection", "close")
			writer.WriteHeader(status)
			return
		}
		if !request.ProtoAtLeast(1, 1) || len(request.TransferEncoding) > 0 && mayHaveSentLength(request) {
			// net/http does not tell whether an old client sent chunks, or a new one a length beside them. Then nobody
			// can tell where the next request begins (RFC 9112 §6.1, §6.3).
			writer.Header().Set("Connection", "close")
		}
		connection := http.NewResponseController(writer)
		request.Body = newBody(request, connection, http.MaxBytesReader(writer, request.Body, limits.MaxBodyBytes), limits.MaxBodyBytes)
		handler.ServeHTTP(writer, request)
	})
}

// refusal returns the status for what cannot be answered otherwise.
func refusal(request *http.Request) int {
	if request.ProtoMajor != 1 || request.ProtoMinor > 1 {
		return http.StatusHTTPVersionNotSupported
	}
	match := host.FindStringSubmatch(request.Host)
	if match == nil {
		return http.StatusBadRequest
	}
	if address, err := netip.ParseAddr(match[1]); match[1] != "" && (err != nil || !address.Is6()) {
		return http.StatusBadRequest
	}
	if port, _ := strconv.Atoi(match[2]); port > maxPort {
		return http.StatusBadRequest
	}
	return 0
}

// body is the body of a request. Once all of it has been read, the deadline for reading ends: it must not end the work that
// comes then.
type body struct {
	io.ReadCloser
	connection *http.ResponseController
	maximum    int64
	isRead     bool
}

func newBody(request *http.Request, connection *http.ResponseController, limited io.ReadCloser, maximum int64) *body {
	reader := &body{ReadCloser: limited, connection: connection, maximum: maximum}
	if request.ContentLength == 0 {
		reader.end()
	}
	return reader
}

func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if errors.Is(err, io.EOF) {
		b.end()
	}
	return n, err
}

func (b *body) end() {
	b.isRead = true
	_ = b.connection.SetReadDeadline(time.Time{})
}
