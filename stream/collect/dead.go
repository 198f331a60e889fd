package collect

import (
	"errors"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// DeadPerPane is how many dead letters one reason yields per source and arrival
// pane; the rest are only counted.
const DeadPerPane = 10

func asReason(err error) *event.Reason {
	var r *event.Reason
	if errors.As(err, &r) {
		return r
	}
	return &event.Reason{Code: event.CodeNotJSON, Detail: err.Error()}
}

func (s *Source) countDead(l *wire.Ledger, r log.Record, reason *event.Reason) {
	bump(&l.DeadBy, string(reason.Code))
	k := deadKey{pane: l.Pane, reason: string(reason.Code)}
	if s.cfg.DeadTopic == "" || s.deadSeen[k] >= DeadPerPane {
		return
	}
	s.deadSeen[k]++
	letter := wire.DeadLetter{
		Topic: r.Partition.Topic, Partition: r.Partition.Index, Offset: r.Offset, TimeMS: r.TimeMS,
		Reason: string(reason.Code), Detail: reason.Detail, At: reason.At, Size: len(r.Value), Sample: wire.Sample(r.Value),
	}
	key := r.Partition.Topic + "/" + strconv.Itoa(int(r.Partition.Index)) + "/" + strconv.FormatInt(r.Offset, 10)
	s.dead = append(s.dead, log.Record{
		Partition: log.Partition{Topic: s.cfg.DeadTopic}, TimeMS: log.StampNow, Key: []byte(key), Value: letter.Encode(),
	})
}

// adoptDead moves the count of the letters written while the clock was unset to the
// first arrival pane, which those records join.
func (s *Source) adoptDead(p int64) {
	for k, n := range s.deadSeen {
		if k.pane == noPane {
			delete(s.deadSeen, k)
			s.deadSeen[deadKey{pane: p, reason: k.reason}] += n
		}
	}
}

func bump(m *map[string]uint64, k string) {
	if *m == nil {
		*m = map[string]uint64{}
	}
	(*m)[k]++
}

// addName counts an unknown model, keeping the names of smallest hash: which names
// are kept depends on the names alone, not on their order.
func (s *Source) addName(m *map[string]uint64, name string) {
	if _, had := (*m)[name]; had || len(*m) < wire.MaxUnregistered {
		bump(m, s.stable(name))
		return
	}
	worst, worstHash := "", uint64(0)
	for k := range *m {
		if h := nameHash(k); worst == "" || h > worstHash || h == worstHash && k > worst {
			worst, worstHash = k, h
		}
	}
	if h := nameHash(name); h < worstHash {
		delete(*m, worst)
		bump(m, s.stable(name))
	}
}

// maxNames bounds the names that are kept for stable.
const maxNames = 4096

// stable returns name in memory that outlives its record. Counting under a key that is
// in a map already does not help: Go puts the new key in the place of the equal old one.
func (s *Source) stable(name string) string {
	if kept, ok := s.names[name]; ok {
		return kept
	}
	if len(s.names) >= maxNames {
		clear(s.names)
	}
	name = strings.Clone(name)
	s.names[name] = name
	return name
}

func nameHash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}
