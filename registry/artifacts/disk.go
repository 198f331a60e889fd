package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	dirMode  fs.FileMode = 0o750
	fileMode fs.FileMode = 0o640
	tempMode fs.FileMode = 0o700 // unfinished uploads are nobody else's business

	// staleTemp is the age above which an unfinished upload is taken for the rest
	// of a crash and removed when the store is opened. Uploads that still run are
	// far younger: each write renews the modification time.
	staleTemp = 24 * time.Hour

	// putRetries bounds how often Put makes its directories again after a
	// concurrent Delete took them away between making them and the rename.
	putRetries = 5

	// deleteRetries bounds how often Delete clears away what running Puts add to a
	// directory that is already out of sight.
	deleteRetries = 20
)

// Disk keeps artifacts in a directory. Every access goes through os.Root, which
// follows symbolic links below the root and refuses those that leave it.
type Disk struct {
	root *os.Root
	dir  string
	seq  atomic.Uint64 // makes names of unfinished uploads unique in this process
	run  string        // and this among processes on one directory

	// escape is what package os reports for a path that leaves the root. It has
	// no exported name, so one such path is tried when the store is opened.
	escape error
}

var _ Store = (*Disk)(nil)

// OpenDisk opens dir as artifact root and makes it if it is missing. Rests of
// uploads that a crash left behind more than a day ago are removed.
func OpenDisk(dir string) (*Disk, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("artifact root %q: %w", dir, err)
	}
	if err := os.MkdirAll(abs, dirMode); err != nil {
		return nil, fmt.Errorf("make artifact root: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("open artifact root: %w", err)
	}
	d := &Disk{root: root, dir: abs, run: strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	var pathErr *fs.PathError
	if _, err := root.Lstat(".."); errors.As(err, &pathErr) {
		d.escape = pathErr.Err
	}
	if err := d.sweep(time.Now().Add(-staleTemp)); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// Root returns the absolute path of the root directory.
func (d *Disk) Root() string { return d.dir }

// Close releases the root directory.
func (d *Disk) Close() error { return d.root.Close() }

// sweep makes the directory of unfinished uploads and clears it of those that
// were last written before the given time.
func (d *Disk) sweep(before time.Time) error {
	if err := d.root.Mkdir(tempDir, tempMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make directory for unfinished uploads: %w", err)
	}
	entries, err := fs.ReadDir(d.root.FS(), tempDir)
	if err != nil {
		return fmt.Errorf("list unfinished uploads: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // gone meanwhile, or still being written
		}
		if err := d.root.RemoveAll(path.Join(tempDir, e.Name())); err != nil {
			return fmt.Errorf("remove unfinished upload: %w", err)
		}
	}
	return nil
}

// List returns the entries below dir. Links that leave the root, and whatever is
// neither file nor directory or has a name that no path may contain, are left out.
func (d *Disk) List(ctx context.Context, dir string) ([]Entry, error) {
	clean, err := Clean(dir)
	if err != nil {
		return nil, err
	}
	name := clean
	if name == "" {
		name = "."
	}
	info, err := d.root.Stat(name)
	if missing(err) || (err == nil && !info.IsDir()) {
		return nil, nil
	}
	if err != nil {
		return nil, d.wrap("list artifacts", clean, err)
	}
	dirEntries, err := fs.ReadDir(d.root.FS(), name)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, d.wrap("list artifacts", clean, err)
	}
	out := make([]Entry, 0, len(dirEntries))
	for _, e := range dirEntries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !reachable(e.Name()) {
			continue
		}
		info, err := d.root.Stat(path.Join(name, e.Name()))
		switch {
		case err != nil:
			continue // a link that leaves the root or dangles, or deleted meanwhile
		case info.IsDir():
			out = append(out, Entry{Path: e.Name(), IsDir: true})
		case info.Mode().IsRegular():
			out = append(out, Entry{Path: e.Name(), Size: info.Size()})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// Open opens an artifact; the reader is an *os.File.
func (d *Disk) Open(_ context.Context, p string) (io.ReadCloser, Info, error) {
	clean, err := cleanFile(p)
	if err != nil {
		return nil, Info{}, err
	}
	// O_NONBLOCK keeps a named pipe that someone put there from blocking us; it
	// changes nothing for regular files, and others are refused right after.
	f, err := d.root.OpenFile(clean, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, Info{}, d.wrap("open artifact", clean, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = d.wrap("open artifact", clean, err)
	case info.IsDir():
		err = fmt.Errorf("open artifact %q: %w", clean, ErrIsDir)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("open artifact %q: %w: not a regular file", clean, ErrBadPath)
	default:
		return f, Info{Size: info.Size(), ModMS: info.ModTime().UnixMilli()}, nil
	}
	return nil, Info{}, errors.Join(err, f.Close())
}

// Put writes the artifact to a temporary file, syncs it, renames it into place
// and syncs the directory. A crash before the rename leaves the old artifact; a
// crash after it leaves the new one.
func (d *Disk) Put(ctx context.Context, p string, r io.Reader, limit int64) error {
	clean, err := cleanFile(p)
	if err != nil {
		return err
	}
	tmp := path.Join(tempDir, d.run+"-"+strconv.FormatUint(d.seq.Add(1), 10))
	if err := d.writeTemp(ctx, tmp, r, limit); err != nil {
		return fmt.Errorf("put artifact %q: %w", clean, errors.Join(err, ignoreMissing(d.root.Remove(tmp))))
	}
	for attempt := 1; ; attempt++ {
		err = d.moveIn(tmp, clean)
		if err == nil {
			return nil
		}
		if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: a part of it is a file", ErrBadPath)
		}
		if !errors.Is(err, fs.ErrNotExist) || attempt == putRetries || ctx.Err() != nil {
			return errors.Join(d.wrap("put artifact", clean, err), ignoreMissing(d.root.Remove(tmp)))
		}
	}
}

func (d *Disk) writeTemp(ctx context.Context, tmp string, r io.Reader, limit int64) error {
	f, err := d.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, newLimited(ctx, r, limit)); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// moveIn gives the finished temporary file its name.
func (d *Disk) moveIn(tmp, clean string) error {
	dir := path.Dir(clean)
	fresh, err := d.makeDirs(dir)
	if err != nil {
		return err
	}
	if info, err := d.root.Stat(clean); err == nil && info.IsDir() {
		return ErrIsDir
	}
	if err := d.root.Rename(tmp, clean); err != nil {
		return err
	}
	// The deepest directory got a new entry, and so did the parent of every
	// directory that was made.
	if err := d.syncDir(dir); err != nil {
		return err
	}
	for _, made := range fresh {
		if err := d.syncDir(path.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}

// makeDirs makes dir and its parents and returns those that were missing.
func (d *Disk) makeDirs(dir string) (fresh []string, err error) {
	for at := dir; at != "."; at = path.Dir(at) {
		if _, err := d.root.Stat(at); err == nil {
			break
		}
		fresh = append(fresh, at)
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	return fresh, d.root.MkdirAll(dir, dirMode)
}

func (d *Disk) syncDir(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return ignoreMissing(err) // deleted meanwhile: nothing left to make durable
	}
	return errors.Join(f.Sync(), f.Close())
}

// Delete moves the artifact or directory out of sight in one step and then
// removes it, so that nobody sees half a directory. Parents left empty go too:
// an object store has no empty directories either.
func (d *Disk) Delete(_ context.Context, p string) error {
	clean, err := Clean(p)
	if err != nil {
		return err
	}
	if clean == "" {
		return fmt.Errorf("delete artifacts %q: %w", p, ErrRoot)
	}
	tmp := path.Join(tempDir, d.run+"-del-"+strconv.FormatUint(d.seq.Add(1), 10))
	if err := d.root.Rename(clean, tmp); err != nil {
		return d.wrap("delete artifact", clean, err)
	}
	// A Put that had its directory open may still add to what was moved; it counts
	// as the earlier of the two, so what it added goes, too.
	for attempt := 1; ; attempt++ {
		err := d.root.RemoveAll(tmp)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOTEMPTY) || attempt == deleteRetries {
			return d.wrap("delete artifact", clean, err)
		}
	}
	dir := path.Dir(clean)
	for ; dir != "."; dir = path.Dir(dir) {
		if d.root.Remove(dir) != nil {
			break // not empty, or somebody was faster
		}
	}
	return d.syncDir(dir)
}

// wrap adds what was done to which path and names the sentinel of the cause.
func (d *Disk) wrap(doing, clean string, err error) error {
	switch {
	case d.escape != nil && errors.Is(err, d.escape):
		return fmt.Errorf("%s %q: %w: it passes through a symbolic link that leaves the artifact root", doing, clean, ErrBadPath)
	case missing(err):
		return fmt.Errorf("%s %q: %w", doing, clean, ErrNotFound)
	}
	return fmt.Errorf("%s %q: %w", doing, clean, err)
}

// missing tells whether nothing has the path: it is not there, or a part of it
// is a file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func ignoreMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}
