// Package problem has the errors that the service answers with: problem details (RFC 9457).
//
// Services return these errors. Only the middleware of package api knows how one is written.
package problem

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// MaxFaults is the number of faults that a reply shows.
const MaxFaults = 50

const challenge = `Bearer realm="api"`

// Slug is the last part of a problem's type.
type Slug string

// Error is an error with a problem of its own on the wire.
type Error struct {
	// Slug is empty for about:blank.
	Slug    Slug
	Status  int
	Detail  string
	Headers map[string]string
	// Members are added to the document.
	Members []Member
	cause   error
}

// Member is an additional member of a problem document.
type Member struct {
	Name  string
	Value any
}

// New returns a problem with a type of its own.
func New(slug Slug, detail string) *Error {
	return &Error{Slug: slug, Status: slug.Status(), Detail: detail}
}

// Blank returns a problem of type about:blank, whose status says it all.
func Blank(status int, detail string) *Error {
	return &Error{Status: status, Detail: detail}
}

// Error returns the detail and the cause. Clients see only the detail.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Detail + " " + e.cause.Error()
	}
	return e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether the target is the same kind of problem, so that errors.Is finds one that has been wrapped.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Slug == e.Slug && other.Status == e.Status
}

// Because returns a copy with a cause, for the log.
func (e *Error) Because(cause error) *Error {
	wrapped := *e
	wrapped.cause = cause
	return &wrapped
}

// WithHeader returns a copy that sets a header of the reply.
func (e *Error) WithHeader(name, value string) *Error {
	extended := *e
	extended.Headers = maps.Clone(e.Headers)
	if extended.Headers == nil {
		extended.Headers = map[string]string{}
	}
	extended.Headers[name] = value
	return &extended
}

// WithMember returns a copy with one more member.
func (e *Error) WithMember(name string, value any) *Error {
	extended := *e
	extended.Members = append(slices.Clone(e.Members), Member{name, value})
	return &extended
}

// Type returns the URI of the problem's type.
func (e *Error) Type() string {
	if e.Slug == "" {
		return "about:blank"
	}
	return "/problems/" + string(e.Slug)
}

// Title returns the standard's phrase for the status.
func (e *Error) Title() string { return titleOf(e.Status) }

// Malformed is for requests that cannot be read.
func Malformed(detail string) *Error { return New(MalformedRequest, detail) }

// NotFound is for what does not exist, or does not for this caller.
func NotFound() *Error {
	return Blank(http.StatusNotFound, "There is nothing here that you may see.")
}

// Exists is for a value that must be unique.
func Exists() *Error { return New(AlreadyExists, "Something with this value exists.") }

// Referenced is for what something else refers to.
func Referenced() *Error {
	return New(InUse, "Something else refers to this, so that it cannot be removed.")
}

// Stale is for a version that is not the current one.
func Stale() *Error { return New(PreconditionFailed, "The resource has changed since it was read.") }

// TooLarge is for a body above the limit.
func TooLarge() *Error {
	return Blank(http.StatusRequestEntityTooLarge, "The body is larger than this service reads.")
}

// UnsupportedMedia is for a body that is not read here. The header says what would be (RFC 9110 §15.5.16).
func UnsupportedMedia(header, value string) *Error {
	detail := "The body is of a media type or encoding that is not read here."
	return Blank(http.StatusUnsupportedMediaType, detail).WithHeader(header, value)
}

// Unavailable is for a dependency that is down, busy or too slow.
func Unavailable() *Error {
	detail := "The service cannot do this at the moment; try again soon."
	return Blank(http.StatusServiceUnavailable, detail).WithHeader("Retry-After", "1")
}

// Internal is for what nobody expected.
func Internal() *Error {
	return Blank(http.StatusInternalServerError, "The service has failed; its log says why.")
}

// Unauthorized is for a request without a credential.
func Unauthorized() *Error {
	detail := "This takes a credential, and none was sent."
	return Blank(http.StatusUnauthorized, detail).WithHeader("WWW-Authenticate", challenge)
}

// BadToken is for an access token or API key that is not valid.
func BadToken() *Error {
	return New(InvalidToken, "The credential is not valid, or not any more.").
		WithHeader("WWW-Authenticate", challenge+`, error="invalid_token"`)
}

// Forbidden is for a credential that does not reach this far.
func Forbidden() *Error {
	return New(InsufficientScope, "Your credential does not reach this far.").
		WithHeader("WWW-Authenticate", challenge+`, error="insufficient_scope"`)
}

// Challenge returns the problem with the bare challenge that every 401 has.
func (e *Error) Challenge() *Error { return e.WithHeader("WWW-Authenticate", challenge) }

// TooManyRequests is for what a limit refuses.
func TooManyRequests(seconds int) *Error {
	return New(RateLimited, "Too many requests; Retry-After says when to come back.").
		WithHeader("Retry-After", strconv.Itoa(seconds))
}

// Code says what is wrong in one place.
type Code string

// Fault is a fault in one place: a pointer into the body, which begins with #, or the name of a parameter.
type Fault struct {
	Place string
	Code  Code
}

type shownFault struct {
	Pointer   string `json:"pointer,omitzero"`
	Parameter string `json:"parameter,omitzero"`
	Code      Code   `json:"code"`
	Detail    string `json:"detail"`
}

// Invalid is for a request that was read and has faults. It shows all of them, sorted by place.
func Invalid(faults ...Fault) *Error {
	sorted := slices.SortedStableFunc(slices.Values(faults), func(a, b Fault) int {
		return strings.Compare(a.Place, b.Place)
	})
	shown := make([]shownFault, 0, min(len(sorted), MaxFaults))
	for _, fault := range sorted[:min(len(sorted), MaxFaults)] {
		entry := shownFault{Code: fault.Code, Detail: fault.Code.detail()}
		if strings.HasPrefix(fault.Place, "#") {
			entry.Pointer = fault.Place
		} else {
			entry.Parameter = fault.Place
		}
		shown = append(shown, entry)
	}
	return New(ValidationFailed, "The request was read, but it is not valid.").WithMember("errors", shown)
}
