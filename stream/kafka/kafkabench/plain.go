// Package kafkabench holds the usual way to read a topic, to be measured against.
package kafkabench

import (
	"context"
	"encoding/json"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

// ReadPlain reads n records of partition 0 of a topic from its beginning as kafka-go's
// documentation shows it, each decoded by encoding/json into a map.
func ReadPlain(ctx context.Context, broker, topic string, n int, each func(map[string]any) error) (err error) {
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{broker}, Topic: topic, MinBytes: 1, MaxBytes: 10 << 20})
	defer func() {
		if closed := r.Close(); err == nil {
			err = closed
		}
	}()
	for i := range n {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return fmt.Errorf("record %d of %d: %w", i, n, err)
		}
		var ev map[string]any
		if err := json.Unmarshal(m.Value, &ev); err != nil {
			return fmt.Errorf("record %d of %d: %w", i, n, err)
		}
		if err := each(ev); err != nil {
			return err
		}
	}
	return nil
}
