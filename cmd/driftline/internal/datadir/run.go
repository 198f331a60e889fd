package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Run is what a running instance says about itself. Addresses are host:port; empty
// where the instance does not serve that.
type Run struct {
	PID       int    `json:"pid"`
	HTTP      string `json:"http,omitempty"` // URL of API and pages, base path included
	Ops       string `json:"ops,omitempty"`
	Broker    string `json:"broker,omitempty"`
	StartedMS int64  `json:"started_ms"` // wall clock, milliseconds since the epoch
	Version   string `json:"version"`
}

// Announce writes run.json; call it once everything listens. PID is filled in.
func (d *Dir) Announce(r Run) error {
	r.PID = os.Getpid()
	return writeJSON(d.path, runFile, r)
}

// retract removes run.json, if there is one.
func (d *Dir) retract() error {
	if err := os.Remove(filepath.Join(d.path, runFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return access(d.path, err)
	}
	return nil
}

// State of a directory as seen from outside.
type State uint8

// Free: no process holds it. Starting: one does and has not announced itself, or is
// stopping. Running: one does, and its Run is valid.
const (
	Free State = iota
	Starting
	Running
)

// Look tells who holds the directory at path, without taking it. A run.json that a
// killed process left gives Free. An unreadable one of a live process is ErrDamaged.
func Look(path string) (Run, State, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Run{}, Free, fmt.Errorf("%w: %w", ErrAccess, err)
	}
	live, err := held(path)
	if err != nil || !live {
		return Run{}, Free, err
	}
	text, err := os.ReadFile(filepath.Join(path, runFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Run{PID: pidOf(path)}, Starting, nil
	}
	if err != nil {
		return Run{}, Starting, access(path, err)
	}
	var r Run
	if err := json.Unmarshal(text, &r); err != nil || r.PID < 1 {
		return Run{}, Starting, fmt.Errorf("%w: %s of the running process %d is not what Driftline writes; restart that process", ErrDamaged, filepath.Join(path, runFile), pidOf(path))
	}
	if r.PID != pidOf(path) {
		return Run{PID: pidOf(path)}, Starting, nil // of the holder before, about to be removed
	}
	return r, Running, nil
}
