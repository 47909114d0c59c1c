package problem

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestProblemsHaveTheTitlesOfTheStandard(t *testing.T) {
	t.Parallel()
	for shown, want := range map[*Error]string{
		Exists():                             "/problems/already-exists 409 Conflict",
		Referenced():                         "/problems/in-use 409 Conflict",
		Stale():                              "/problems/precondition-failed 412 Precondition Failed",
		TooLarge():                           "about:blank 413 Content Too Large",
		Blank(http.StatusTeapot, "."):        "about:blank 418 I'm a teapot",
		New(Slug("unknown"), "Not ours."):    "/problems/unknown 500 Internal Server Error",
		TooManyRequests(7):                   "/problems/rate-limited 429 Too Many Requests",
		Invalid(Fault{"a", Code("unknown")}): "/problems/validation-failed 422 Unprocessable Content",
	} {
		if got := fmt.Sprintf("%s %d %s", shown.Type(), shown.Status, shown.Title()); got != want {
			t.Error(got)
		}
	}
}

func TestCausesAreForTheLog(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is full")
	err := fmt.Errorf("write: %w", Unavailable().Because(cause))
	if !errors.Is(err, cause) || !errors.Is(err, Unavailable()) || errors.Is(err, NotFound()) {
		t.Error(err)
	}
	if !strings.Contains(err.Error(), "disk") {
		t.Error(err)
	}
}

func TestFaultsAreSortedAndNotTooMany(t *testing.T) {
	t.Parallel()
	var faults []Fault
	for i := 60; i > 0; i-- {
		faults = append(faults, Fault{fmt.Sprintf("#/%02d", i), CodeRequired})
	}
	shown, _ := Invalid(faults...).Members[0].Value.([]shownFault)
	if len(shown) != MaxFaults || shown[0].Pointer != "#/01" {
		t.Error(len(shown), shown[0])
	}
}
