package datadir

import (
	"syscall"
	"testing"
)

// A file that another program still has a copy of when we close ours, as one that is
// just being started does, keeps the lock unless it is given back.
func TestClose_GivesTheLockBackThoughTheFileIsOpenElsewhere(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	f, err := take(path)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(copied) }()
	if err := release(f); err != nil {
		t.Fatal(err)
	}
	if live, err := held(path); live || err != nil {
		t.Errorf("held %v, %v after the lock was given back", live, err)
	}
}
