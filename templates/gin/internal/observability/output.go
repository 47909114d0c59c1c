package observability

import (
	"context"
	"io"
)

const maxBufferedLines = 4096

// Output writes lines in the background. A pipe that nobody empties, or that is closed, costs lines of the log and nothing
// else: nothing waits for it.
type Output struct {
	lines chan []byte
	done  chan struct{}
}

// NewOutput starts to write to a destination. Close ends that.
func NewOutput(destination io.Writer) *Output {
	output := &Output{lines: make(chan []byte, maxBufferedLines), done: make(chan struct{})}
	go func() {
		defer close(output.done)
		for line := range output.lines {
			// There is nowhere to tell of an error.
			_, _ = destination.Write(line)
		}
	}()
	return output
}

// Write takes a line, or drops it if too many wait.
func (o *Output) Write(line []byte) (int, error) {
	select {
	case o.lines <- append([]byte(nil), line...):
	default:
	}
	return len(line), nil
}

// Close writes what is left, unless that takes too long. Nothing may be written afterwards.
func (o *Output) Close(ctx context.Context) {
	close(o.lines)
	select {
	case <-o.done:
	case <-ctx.Done():
	}
}
