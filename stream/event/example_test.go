package event_test

import (
	"errors"
	"fmt"

	"github.com/driftline/driftline/stream/event"
)

func ExampleDecoder_Decode() {
	d := event.NewDecoder(event.Limits{})
	var ev event.Event
	for _, record := range []string{
		`{"model":"fraud","id":"b7c1","ts":"2026-01-02T03:04:05.6789Z","features":{"amount":12.5},"score":0.83}`,
		`{"model":"fraud","features":{"amount":1e999}}`,
	} {
		err := d.Decode([]byte(record), &ev)
		var reason *event.Reason
		if errors.As(err, &reason) {
			fmt.Println("dead:", reason)
			continue
		}
		fmt.Println(ev.Type, ev.Model, ev.TimeMS, len(ev.Features), ev.Score)
	}
	// Output:
	// prediction fraud 1767323045678 1 0.83
	// dead: bad_number at byte 38: "amount" = "1e999" is beyond the range of a float64
}
