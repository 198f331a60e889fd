package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A look by held takes the lock for an instant, so a start that finds it taken asks
// again: lockTries times, lockPause apart.
const (
	lockTries = 5
	lockPause = 20 * time.Millisecond
)

// take locks the directory and writes our pid into the lock file. The lock lives as
// long as the file is open; the file itself stays, for removing it would let two
// processes lock two files of one name.
func take(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, access(path, err)
	}
	for try := 1; ; try++ {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == lockTries {
			break
		}
		time.Sleep(lockPause)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = &LockedError{Path: path, PID: pidOf(path)}
	} else if err != nil {
		err = fmt.Errorf("%w: %s cannot be locked: %w", ErrAccess, path, err)
	} else if err = writePID(f); err != nil {
		err = access(path, err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// release gives the lock back and closes the file. Closing alone is not enough: a program
// that is being started at this moment has a copy of the file until it runs, and the
// lock would stay with it.
func release(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// pidOf reads the pid from the lock file, 0 if there is none.
func pidOf(path string) int {
	text, err := os.ReadFile(filepath.Join(path, lockFile))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 1 {
		return 0
	}
	return pid
}

// held tells whether a live process holds the directory.
func held(path string) (bool, error) {
	f, err := os.Open(filepath.Join(path, lockFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, access(path, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, f.Close()
	}
	return false, errors.Join(err, release(f))
}
