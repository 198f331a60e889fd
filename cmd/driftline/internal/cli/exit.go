package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
)

// The codes a script can branch on.
const (
	OK            = 0
	Failure       = 1
	Usage         = 2 // usage, configuration or environment
	Drift         = 3 // check found drift
	NotEnoughData = 4
)

// Exit ends the command with a code. Err may be nil: then nothing is printed.
type Exit struct {
	Code int
	Err  error
}

func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Exit) Unwrap() error { return e.Err }

// Usagef is a usage error: code 2.
func Usagef(format string, args ...any) error {
	return &Exit{Code: Usage, Err: fmt.Errorf(format, args...)}
}

// Code is the one table from errors to exit codes.
func Code(err error) int {
	var exit *Exit
	var fault *config.Fault
	var locked *datadir.LockedError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &fault), errors.As(err, &locked):
		return Usage
	}
	for _, environment := range []error{datadir.ErrForeign, datadir.ErrNewer, datadir.ErrDamaged, datadir.ErrAccess} {
		if errors.Is(err, environment) {
			return Usage
		}
	}
	return Failure
}

// report prints an error: one line, or one per fault where several were joined.
func report(w io.Writer, err error) {
	var exit *Exit
	if errors.As(err, &exit) && exit.Err == nil {
		return
	}
	for _, e := range apart(err) {
		// What cannot be written to standard error has no other place to go.
		_, _ = fmt.Fprintln(w, "driftline:", oneLine(e.Error()))
	}
}

// apart takes joined errors apart, also where a single one wraps the join.
func apart(err error) []error {
	var exit *Exit
	if errors.As(err, &exit) && err == error(exit) { //nolint:errorlint // only the outermost error is peeled; what wraps an Exit keeps its text
		return apart(exit.Err)
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.Contains(err.Error(), "\n") {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, apart(e)...)
	}
	return out
}

// oneLine keeps a message on its line, and control characters from the terminal.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return plain(strings.Join(lines, "; "))
}

// Plain replaces control characters, so that outside text cannot steer a terminal.
func Plain(text string) string { return plain(text) }

// plain replaces control characters, so that outside text cannot steer a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, text)
}
