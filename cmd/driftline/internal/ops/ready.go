package ops

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// errBusy is the outcome of a check that still runs from an earlier request.
var errBusy = errors.New("the check before has not returned yet")

// readiness gathers the checks of a process.
type readiness struct {
	mu     sync.Mutex // guards what follows; never held while a check runs
	why    string     // why the process is not ready whatever the checks say; "" once started
	checks map[string]*check
}

type check struct {
	run  func(context.Context) error
	busy chan struct{} // holds one token while the check runs
}

func (r *readiness) add(name string, run func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks == nil {
		r.checks = map[string]*check{}
	}
	r.checks[name] = &check{run: run, busy: make(chan struct{}, 1)}
}

func (r *readiness) drop(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.checks, name)
}

// set changes why; stopping is for good.
func (r *readiness) set(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != "stopping" {
		r.why = why
	}
}

func (r *readiness) snapshot() (why string, checks map[string]*check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why, maps.Clone(r.checks)
}

// outcome runs every check at once and returns the errors by name, nil for ok.
func outcome(ctx context.Context, checks map[string]*check) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(checks))
	for name, c := range checks {
		// The answer does not wait for a check that ignores its context; the token
		// keeps such a check from piling up.
		go func() { results <- result{name, c.once(ctx)} }()
	}
	out := map[string]error{}
	for range checks {
		select {
		case r := <-results:
			out[r.name] = r.err
		case <-ctx.Done():
			for name := range checks {
				if _, told := out[name]; !told {
					out[name] = fmt.Errorf("no answer within %s", CheckTimeout)
				}
			}
			return out
		}
	}
	return out
}

// once runs the check unless it runs already.
func (c *check) once(ctx context.Context) error {
	select {
	case c.busy <- struct{}{}:
	default:
		return errBusy
	}
	defer func() { <-c.busy }()
	return c.run(ctx)
}

func (r *readiness) serve(w http.ResponseWriter, req *http.Request) {
	why, checks := r.snapshot()
	errs := outcome(req.Context(), checks)
	_, verbose := req.URL.Query()["verbose"]
	status := http.StatusOK
	var lines []string
	if why != "" {
		status = http.StatusServiceUnavailable
		lines = append(lines, "[-]"+why)
	}
	for _, name := range slices.Sorted(maps.Keys(errs)) {
		switch err := errs[name]; {
		case err != nil:
			status = http.StatusServiceUnavailable
			line := "[-]" + name
			if verbose {
				line += ": " + strings.ReplaceAll(err.Error(), "\n", "; ")
			}
			lines = append(lines, line)
		case verbose:
			lines = append(lines, "[+]"+name+" ok")
		}
	}
	if status == http.StatusOK {
		lines = append(lines, "ok")
	} else {
		lines = append(lines, "not ready")
	}
	answer(w, status, strings.Join(lines, "\n")+"\n")
}
