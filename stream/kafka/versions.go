package kafka

import (
	"context"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/driftline/driftline/stream/log"
)

// API is a call of the Kafka protocol that Driftline makes.
type API struct {
	Key  int
	Name string
	// Version is the one version that is sent, or the oldest of a range that is
	// negotiated, where Newest is larger.
	Version, Newest int
	For             string // what it is used for
	Optional        bool   // only a check is poorer without it
}

// Needed lists every call with its versions, in order of key. docs/brokers.md shows
// the same list.
func Needed() []API {
	return []API{
		{0, "Produce", 3, 8, "writing, acknowledged by all replicas in sync", false},
		{1, "Fetch", 5, 11, "reading; from v10 on with zstd", false},
		{2, "ListOffsets", 1, 5, "first and last offset, offset of a time", false},
		{3, "Metadata", 4, 4, "topics, partitions and their leaders", false},
		{8, "OffsetCommit", 2, 7, "committed offsets", false},
		{9, "OffsetFetch", 1, 5, "committed offsets", false},
		{10, "FindCoordinator", 0, 2, "the broker that keeps a group's offsets", false},
		{15, "DescribeGroups", 3, 3, "doctor: rights on groups", true},
		{19, "CreateTopics", 2, 5, "topics create; driftline all", true},
		{32, "DescribeConfigs", 1, 3, "bounds of record times, retention, clean-up of topics", false},
	}
}

// rightsAPI is Metadata once more, in the version that tells rights.
var rightsAPI = API{3, "Metadata", rightsMetadataVersion, rightsMetadataVersion, "doctor: rights on topics", true}

// Lacking is a call that a broker does not offer in a version Driftline sends.
type Lacking struct {
	API
	Min, Max int // what the broker offers; Max < 0: nothing
}

// String gives "Fetch v11 (the broker offers v0 to v10), for reading".
func (x Lacking) String() string {
	want := fmt.Sprintf("v%d", x.Version)
	if x.Newest > x.Version {
		want += fmt.Sprintf(" to v%d", x.Newest)
	}
	have := "does not offer it"
	if x.Max >= 0 {
		have = fmt.Sprintf("offers v%d to v%d", x.Min, x.Max)
	}
	return fmt.Sprintf("%s %s (the broker %s), for %s", x.Name, want, have, x.For)
}

// Lacking asks a broker for its versions and returns what of Needed it cannot serve.
func (l *Log) Lacking(ctx context.Context) ([]Lacking, error) {
	offered := map[int][2]int{}
	err := l.do(ctx, "versions of "+l.addr.String(), log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		res, err := l.client(t).ApiVersions(ctx, &kafkago.ApiVersionsRequest{})
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		for _, k := range res.ApiKeys {
			offered[k.ApiKey] = [2]int{k.MinVersion, k.MaxVersion}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lacking(offered), nil
}

// lacking compares versions offered, by key, with those needed.
func lacking(offered map[int][2]int) []Lacking {
	var out []Lacking
	for _, a := range append(Needed(), rightsAPI) {
		v, ok := offered[a.Key]
		switch {
		case !ok:
			out = append(out, Lacking{a, 0, -1})
		case v[0] > a.Newest || v[1] < a.Version:
			out = append(out, Lacking{a, v[0], v[1]})
		}
	}
	return out
}
