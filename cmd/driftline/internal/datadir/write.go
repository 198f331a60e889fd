package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tempPrefix begins the names of files that are still being written.
const tempPrefix = ".writing-"

func writeJSON(dir, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
	}
	return writeFile(dir, name, append(text, '\n'))
}

// writeFile replaces a file in one step: a reader sees the old text or the new one,
// also after a crash or a power cut.
func writeFile(dir, name string, text []byte) error {
	f, err := os.CreateTemp(dir, tempPrefix+name+"-*")
	if err != nil {
		return access(dir, err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(access(dir, err), os.Remove(f.Name()))
	}
	return syncDir(dir)
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return access(dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return access(dir, err)
	}
	return nil
}
