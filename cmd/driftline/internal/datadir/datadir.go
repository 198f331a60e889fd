package datadir

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Format is the version of the layout that this program writes and reads.
const Format = 1

const (
	formatFile   = "format.json"
	lockFile     = "lock"
	runFile      = "run.json"
	instanceFile = "instance"
	product      = "driftline"
)

// Errors that callers branch on; all mean that the environment must be mended.
var (
	ErrForeign = errors.New("data directory holds files that are not Driftline's")
	ErrNewer   = errors.New("data directory is of a newer format")
	ErrDamaged = errors.New("data directory is damaged")
	ErrAccess  = errors.New("data directory cannot be used")
)

// LockedError says that a live process holds the directory.
type LockedError struct {
	Path string
	PID  int // 0 where the holder has not written it yet
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data directory %s is in use by %s; stop it or give another --data-dir", e.Path, who)
}

// marker is what format.json holds.
type marker struct {
	Product   string `json:"product"`
	Format    int    `json:"format"`
	CreatedBy string `json:"created_by"` // version of the program
}

// Dir is a directory that this process holds.
type Dir struct {
	path     string
	instance string
	lock     *os.File
}

// Open makes the directory if it is missing, takes its lock and checks what lies in
// it. version is noted in a new directory.
//
// Errors: *LockedError; ErrForeign, ErrNewer, ErrDamaged, ErrAccess, each with the
// path and what to do. On error nothing that was there is changed.
func Open(path, version string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAccess, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, access(path, err)
	}
	fresh, err := inspect(path)
	if err != nil {
		return nil, err
	}
	lock, err := take(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: lock}
	if fresh {
		// Seen without the lock: another process may have made it meanwhile.
		if fresh, err = inspect(path); err == nil && fresh {
			err = writeJSON(path, formatFile, marker{Product: product, Format: Format, CreatedBy: version})
		}
	}
	if err == nil {
		d.instance, err = instance(path)
	}
	if err == nil {
		err = d.retract() // of a holder that was killed
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// inspect tells whether the directory is new, and refuses one that is not ours. It
// changes nothing.
func inspect(path string) (fresh bool, err error) {
	text, err := os.ReadFile(filepath.Join(path, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return true, empty(path)
	}
	if err != nil {
		return false, access(path, err)
	}
	var m marker
	if err := json.Unmarshal(text, &m); err != nil || m.Product != product || m.Format < 1 {
		return false, fmt.Errorf("%w: %s is not what Driftline writes; restore it or give another --data-dir", ErrDamaged, filepath.Join(path, formatFile))
	}
	if m.Format > Format {
		return false, fmt.Errorf("%w: %s has format %d, written by version %s, and this program reads up to %d; use that version or give another --data-dir",
			ErrNewer, path, m.Format, m.CreatedBy, Format)
	}
	return false, nil
}

// empty refuses a directory without marker that holds anything but what a start
// that was cut short leaves, or what a file system puts into each volume.
func empty(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return access(path, err)
	}
	var foreign []string
	for _, e := range entries {
		if n := e.Name(); n != lockFile && n != "lost+found" && !strings.HasPrefix(n, tempPrefix) {
			foreign = append(foreign, n)
		}
	}
	if len(foreign) == 0 {
		return nil
	}
	slices.Sort(foreign)
	more := ""
	if len(foreign) > 3 {
		foreign, more = foreign[:3], ", …"
	}
	return fmt.Errorf("%w: %s holds %s%s; give an empty or a new directory to --data-dir", ErrForeign, path, strings.Join(foreign, ", "), more)
}

// instance reads the id of the directory, or makes it.
func instance(path string) (string, error) {
	name := filepath.Join(path, instanceFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		var id [16]byte
		rand.Read(id[:]) // never fails: it ends the process rather than return less
		text = []byte(hex.EncodeToString(id[:]) + "\n")
		err = writeFile(path, instanceFile, text)
	}
	if err != nil {
		return "", access(path, err)
	}
	id := strings.TrimSpace(string(text))
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 {
		return "", fmt.Errorf("%w: %s does not hold an id of 32 hex digits; restore it, or remove it to get a new one", ErrDamaged, name)
	}
	return id, nil
}

// Path is the absolute path of the directory.
func (d *Dir) Path() string { return d.path }

// Instance is the id of the directory: 32 hex digits, the same over restarts.
func (d *Dir) Instance() string { return d.instance }

// Broker is the directory of the embedded broker.
func (d *Dir) Broker() string { return filepath.Join(d.path, "broker") }

// Close withdraws run.json and frees the directory.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := d.retract()
	err = errors.Join(err, release(d.lock))
	d.lock = nil
	return err
}

// access words an error of the file system.
func access(path string, err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return fmt.Errorf("%w: %s %s: %w; check its owner and rights, or give another --data-dir", ErrAccess, pathErr.Op, pathErr.Path, pathErr.Err)
	}
	return fmt.Errorf("%w: %s: %w", ErrAccess, path, err)
}
