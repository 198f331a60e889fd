package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
)

// inspect reads a data directory and changes nothing. A torn end, as a crash in
// the middle of a write leaves it, is fine: the record was never acknowledged.
// Anything else that is not whole is ErrDataDamaged.
func inspect(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	var meta, topics, other bool
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(dir, e.Name())
		switch {
		case strings.HasSuffix(name, ".tmp"):
			continue // an interrupted replacement; the file it would replace is there
		case name == "session_state.json":
			continue // a cache, rebuilt where it is not readable
		case strings.HasSuffix(name, ".json"):
			meta = meta || name == "meta.json"
			topics = topics || name == "topics.json"
			err = checkJSON(path)
		case name == "groups.log" || name == "pids.log":
			err = checkEntries(path)
		}
		if err != nil {
			return err
		}
		other = true
	}
	switch {
	case other && !meta:
		return damaged(dir, "there are files, but no meta.json: not a broker's directory, or part of it is gone")
	case meta && !topics && hasPartitions(dir):
		return damaged(dir, "topics.json is gone, partitions are there")
	}
	return checkPartitions(filepath.Join(dir, "partitions"))
}

func damaged(path, what string, args ...any) error {
	return fmt.Errorf("%w: %s: %s; nothing was changed: restore it from a backup, or move the directory away to begin anew",
		ErrDataDamaged, path, fmt.Sprintf(what, args...))
}

func hasPartitions(dir string) bool {
	entries, err := os.ReadDir(filepath.Join(dir, "partitions"))
	return err == nil && len(entries) > 0
}

func checkJSON(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !json.Valid(b) {
		return damaged(path, "not JSON")
	}
	return nil
}

// checkEntries reads a log of framed entries: length of what follows the CRC (4),
// CRC32C (4), version (2) and data; little-endian.
func checkEntries(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const head = 8
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	for at := 0; at < len(b); {
		rest := b[at:]
		if len(rest) < head {
			return nil // torn
		}
		n := int64(binary.LittleEndian.Uint32(rest))
		if n > int64(len(rest)-head) {
			if n <= maxEntry {
				return nil // torn
			}
			return damaged(path, "entry at byte %d has length %d", at, n)
		}
		if n < 2 || crc32.Checksum(rest[head:head+n], castagnoli) != binary.LittleEndian.Uint32(rest[4:]) {
			if allZero(rest) || int(n)+head == len(rest) {
				return nil // the last one, never finished
			}
			return damaged(path, "entry at byte %d of %d has a wrong checksum", at, len(b))
		}
		at += head + int(n)
	}
	return nil
}

// maxEntry tells an entry cut off by a crash from a garbled length.
const maxEntry = 16 << 20

func checkPartitions(dir string) error {
	parts, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	for _, p := range parts {
		if !p.IsDir() {
			continue
		}
		if err := checkPartition(filepath.Join(dir, p.Name())); err != nil {
			return err
		}
	}
	return nil
}

func checkPartition(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	var bases []int64
	for _, e := range entries {
		name, isSegment := strings.CutSuffix(e.Name(), ".dat")
		if e.Name() == "snapshot.json" {
			if err := checkJSON(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
		if !isSegment {
			continue
		}
		base, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return damaged(filepath.Join(dir, e.Name()), "a segment's name is its first offset")
		}
		bases = append(bases, base)
	}
	slices.Sort(bases)
	next := int64(0)
	for i, base := range bases {
		path := filepath.Join(dir, fmt.Sprintf("%d.dat", base))
		if base < next {
			return damaged(path, "begins before offset %d, where the segment before it ends", next)
		}
		if next, err = checkSegment(path, base, i == len(bases)-1); err != nil {
			return err
		}
	}
	return nil
}

// checkSegment walks the batches of a segment and returns the offset after them.
// Only the last segment of a partition may have a torn end.
func checkSegment(path string, base int64, last bool) (next int64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	next, size := base, len(data)
	for len(data) > 0 {
		at := size - len(data)
		h, batch, rest, err := recordbatch.Next(data)
		if errors.Is(err, recordbatch.ErrShort) && last && h.Size <= maxSegmentBatch {
			return next, nil
		}
		if err == nil {
			if err = h.Check(batch); err != nil && last && len(rest) == 0 {
				return next, nil // the last batch, never finished
			}
		}
		if err != nil && last && allZero(data) {
			return next, nil // a file made longer before its bytes were written
		}
		if err != nil {
			return 0, damaged(path, "batch at byte %d of %d: %v", at, size, err)
		}
		if h.BaseOffset < next {
			return 0, damaged(path, "batch at byte %d has offset %d, expected %d or more", at, h.BaseOffset, next)
		}
		next, data = h.LastOffset()+1, rest
	}
	return next, nil
}

// maxSegmentBatch tells a batch cut off by a crash from a garbled length.
const maxSegmentBatch = 128 << 20

func allZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}
