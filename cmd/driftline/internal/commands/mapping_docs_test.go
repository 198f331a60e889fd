package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
)

// TestDocs_MappingsAreWhatTheySay runs the examples of docs/mappings.md: each
// configuration is loaded, and records under it give the events that follow.
func TestDocs_MappingsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/mappings.md")
	if err != nil {
		t.Fatal(err)
	}
	var reader event.Reader
	var got []string
	compared, configs := 0, 0
	for _, block := range regexp.MustCompile("(?s)```(yaml|json record|json events)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		switch kind, body := block[1], block[2]; kind {
		case "yaml":
			configs++
			path := filepath.Join(t.TempDir(), "driftline.yaml")
			if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Load(config.Layers{File: path})
			if err != nil {
				t.Fatalf("%v\n%s", err, body)
			}
			in := cfg.Topics.Inputs[0]
			if reader, err = mapping.New(mapping.Config{Mapping: in.Reads(), Topic: in.Topic}); err != nil {
				t.Fatal(err)
			}
		case "json record":
			got = nil
			for line := range strings.Lines(body) {
				rows, err := reader.Read(&event.Raw{Value: []byte(strings.TrimSpace(line))})
				if err != nil {
					t.Fatalf("%v\n%s", err, line)
				}
				for _, ev := range rows {
					got = append(got, string(event.Encode(ev)))
				}
			}
		case "json events":
			if want := strings.TrimSpace(body); strings.Join(got, "\n") != want {
				t.Errorf("the documents say\n%s\nbut it is\n%s", want, strings.Join(got, "\n"))
			}
			compared++
		}
	}
	if compared < 4 || configs < 6 {
		t.Errorf("%d configurations and %d comparisons, want all that the document has", configs, compared)
	}
}
