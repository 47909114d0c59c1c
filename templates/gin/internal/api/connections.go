package api

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

const lengthHeader = "content-length"

// Connections is a listener that knows the connections on which nothing has been sent yet. net/http waits for these when
// it shuts down.
type Connections struct {
	net.Listener
	mutex  sync.Mutex
	silent map[*connection]struct{}
}

// NewConnections watches a listener.
func NewConnections(listener net.Listener) *Connections {
	return &Connections{Listener: listener, silent: map[*connection]struct{}{}}
}

// Accept implements net.Listener.
func (c *Connections) Accept() (net.Conn, error) {
	accepted, err := c.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks at its type
	}
	watched := &connection{Conn: accepted, connections: c}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.silent[watched] = struct{}{}
	return watched, nil
}

// CloseSilent stops listening, and closes the connections on which nothing has been sent.
func (c *Connections) CloseSilent() {
	_ = c.Close()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for silent := range c.silent {
		_ = silent.Conn.Close()
	}
}

func (c *Connections) forget(spoken *connection) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.silent, spoken)
}

// connection watches what a client sends.
type connection struct {
	net.Conn
	connections *Connections
	hasSpoken   atomic.Bool
	sentLength  atomic.Bool
	// tail is the end of what was read before, in case a word is cut in two. Only one goroutine reads at a time.
	tail []byte
}

func (c *connection) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if (n > 0 || err != nil) && c.hasSpoken.CompareAndSwap(false, true) {
		c.connections.forget(c)
	}
	if !c.sentLength.Load() {
		c.lookForLength(into[:n])
	}
	return n, err //nolint:wrapcheck // net/http looks at its type
}

func (c *connection) Close() error {
	c.connections.forget(c)
	return c.Conn.Close() //nolint:wrapcheck // net/http looks at its type
}

func (c *connection) lookForLength(data []byte) {
	most := len(lengthHeader) - 1
	seam := append(c.tail, data[:min(len(data), most)]...) //nolint:gocritic // it is the tail's own
	if hasWord(seam) || hasWord(data) {
		c.sentLength.Store(true)
	}
	if len(data) > most {
		seam = data
	}
	c.tail = append(c.tail[:0], seam[max(0, len(seam)-most):]...)
}

// hasWord looks for the hyphen first, because that is rare.
func hasWord(data []byte) bool {
	hyphen := len("content")
	for start := 0; ; {
		i := bytes.IndexByte(data[start:], '-')
		if i < 0 {
			return false
		}
		first := start + i - hyphen
		if first >= 0 && first+len(lengthHeader) <= len(data) &&
			bytes.EqualFold(data[first:first+len(lengthHeader)], []byte(lengthHeader)) {
			return true
		}
		start += i + 1
	}
}

type connectionKey struct{}

func withConnection(ctx context.Context, accepted net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, accepted)
}

// mayHaveSentLength reports whether the client has ever sent a length on this connection, as far as anybody knows.
func mayHaveSentLength(request *http.Request) bool {
	watched, isWatched := request.Context().Value(connectionKey{}).(*connection)
	return !isWatched || watched.sentLength.Load()
}
