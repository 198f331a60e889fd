package embedded

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
)

// Offsets are given once. kfake knows the end of a partition only from the batches
// on disk: one that retention has emptied would begin at 0 again after the next
// start, and committed offsets would lie beyond its end. So the ends are written
// down before anything is trimmed, and at a start an emptied partition gets one
// transaction marker, which no client sees, as the last offset it had.

const endsFile = "driftline_ends.json"

// ends is the file: topic name → its id and the end of each partition.
type ends map[string]topicEnds

type topicEnds struct {
	ID   string  `json:"id"` // a topic made again under its name begins anew
	Ends []int64 `json:"ends"`
}

// keeper writes the ends down. Without a data directory it only knows the topics.
type keeper struct {
	dir     string
	cluster *kfake.Cluster

	mu     sync.Mutex // guards all below and the file
	topics map[string]bool
	last   ends
}

func (k *keeper) know(topic string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.topics[topic] = true
}

// save writes the present ends, unless they are written already.
func (k *keeper) save() error {
	if k.dir == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := ends{}
	for topic := range k.topics {
		info := k.cluster.TopicInfo(topic)
		if info == nil {
			continue
		}
		te := topicEnds{ID: hex.EncodeToString(info.TopicID[:])}
		for _, p := range k.cluster.PartitionInfos(topic) {
			te.Ends = append(te.Ends, p.HighWatermark)
		}
		now[topic] = te
	}
	if equalEnds(now, k.last) {
		return nil
	}
	b, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(k.dir, endsFile), b); err != nil {
		return fmt.Errorf("write down the ends of partitions: %w", err)
	}
	k.last = now
	return nil
}

func equalEnds(a, b ends) bool {
	if len(a) != len(b) {
		return false
	}
	for topic, te := range a {
		if o, ok := b[topic]; !ok || o.ID != te.ID || !slices.Equal(o.Ends, te.Ends) {
			return false
		}
	}
	return true
}

// replace writes a file so that a crash leaves the old or the new one.
func replace(path string, b []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// persistedTopics is what we read of kfake's topics.json.
type persistedTopics struct {
	Topics []struct {
		Name       string `json:"name"`
		ID         []byte `json:"id"` // base64, as encoding/json reads bytes
		Partitions int    `json:"partitions"`
	} `json:"topics"`
}

// restore gives emptied partitions their end back and returns the topics there are.
func restore(dir string, now time.Time) (topics []string, err error) {
	var pt persistedTopics
	b, err := os.ReadFile(filepath.Join(dir, "topics.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &pt); err != nil {
		return nil, damaged(filepath.Join(dir, "topics.json"), "%v", err)
	}
	known := ends{}
	if b, err := os.ReadFile(filepath.Join(dir, endsFile)); err == nil {
		if err := json.Unmarshal(b, &known); err != nil {
			return nil, damaged(filepath.Join(dir, endsFile), "%v", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, t := range pt.Topics {
		topics = append(topics, t.Name)
		te := known[t.Name]
		if te.ID != hex.EncodeToString(t.ID) {
			te.Ends = nil
		}
		for p := range t.Partitions {
			end := int64(0)
			if p < len(te.Ends) {
				end = te.Ends[p]
			}
			pdir := filepath.Join(dir, "partitions", fmt.Sprintf("%s-%d", url.PathEscape(t.Name), p))
			if err := restorePartition(pdir, end, now); err != nil {
				return nil, fmt.Errorf("give %s/%d its end %d back: %w", t.Name, p, end, err)
			}
		}
	}
	return topics, nil
}

func restorePartition(dir string, end int64, now time.Time) error {
	if b, err := os.ReadFile(filepath.Join(dir, "snapshot.json")); err == nil {
		var snap struct {
			End int64 `json:"high_watermark"`
		}
		if err := json.Unmarshal(b, &snap); err != nil {
			return damaged(filepath.Join(dir, "snapshot.json"), "%v", err)
		}
		end = max(end, snap.End)
	}
	if end <= 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if strings.HasSuffix(e.Name(), ".dat") && info.Size() > 0 {
			return nil // kfake finds the end by itself
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return replace(filepath.Join(dir, fmt.Sprintf("%d.dat", end-1)), recordbatch.Marker(end-1, now.UnixMilli()))
}

// beforeDelete sees requests that drop records by hand, which may empty a partition.
func (e *Embedded) beforeDelete(kmsg.Request) {
	if err := e.keep.save(); err != nil {
		e.warn(err)
	}
}

func (e *Embedded) warn(err error) {
	if e.cfg.Warn != nil {
		e.cfg.Warn(err.Error())
	}
}

// ApplyRetention applies retention and compaction now, not at the next interval.
// If the ends of partitions cannot be written down it trims nothing and says so.
func (e *Embedded) ApplyRetention() error {
	if err := e.keep.save(); err != nil {
		return err
	}
	e.cluster.Compact() // trims as well
	// What was appended meanwhile and trimmed at once had no time to be written down.
	return e.keep.save()
}

// tidy applies retention at every interval until stop.
func (e *Embedded) tidy() {
	defer close(e.tidied)
	tick := time.NewTicker(e.cfg.RetentionInterval)
	defer tick.Stop()
	for {
		select {
		case <-e.stop:
			return
		case <-tick.C:
			if err := e.ApplyRetention(); err != nil {
				e.warn(err)
			}
		}
	}
}
