package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const goodToken = "0123456789abcdef"

func TestIngest_FaultsAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, yaml, says string
	}{
		{"nobody may send", "ingest: {enabled: true}", "ingest.enabled: true, but nobody may send"},
		{"a short token", "ingest: {tokens: {a: secret}}", "ingest.tokens.a: 6 characters; want at least 16"},
		{"a name for no header", "ingest: {tokens: {'a b': " + goodToken + "}}", "ingest.tokens.a b: want a name"},
		{"an unknown topic", "ingest: {enabled: true, tokens: {a: " + goodToken + "}, topic: other}", `ingest.topic: "other" is not among topics.inputs`},
		{"events into labels", "ingest: {enabled: true, tokens: {a: " + goodToken + "}, topic: ml.labels}", "has the role labels"},
		{"a historical topic", "topics: {inputs: [{topic: a, historical: true}]}\ningest: {enabled: true, tokens: {a: " + goodToken + "}}", "is historical"},
		{"a body too large", "ingest: {max_body: 1GiB}", "ingest.max_body: 1GiB"},
		{"no request at all", "ingest: {in_flight: 0}", "ingest.in_flight: 0"},
		{"longer than the server", "ingest: {timeout: 40s}", "ingest.timeout: 40s"},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(tt.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(Layers{File: path})
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want it to say %q", tt.name, err, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), goodToken) {
			t.Errorf("%s: a token stands in the message: %v", tt.name, err)
		}
	}
}

func TestIngest_TopicsFollowTheInputs(t *testing.T) {
	t.Parallel()
	c := Default()
	if a, b := c.IngestTopic(), c.IngestLabelTopic(); a != "ml.features" || b != "ml.labels" {
		t.Errorf("topics %q and %q by default", a, b)
	}
	c.Topics.Inputs = []Input{{Topic: "all", Role: "events"}}
	if a, b := c.IngestTopic(), c.IngestLabelTopic(); a != "all" || b != "all" {
		t.Errorf("one topic for all: %q and %q", a, b)
	}
}

func TestIngest_TokensOfAllLayers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# who may send\n\nteam-b  bbbbbbbbbbbbbbbb\r\n")
	c, err := Load(Layers{Env: []string{"DRIFTLINE_INGEST_TOKENS={team-a: aaaaaaaaaaaaaaaa}", "DRIFTLINE_INGEST_TOKEN_FILE=" + file, "DRIFTLINE_INGEST_ENABLED=true"}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Ingest.AllTokens()
	if err != nil || len(all) != 2 || all["team-a"].Reveal() != "aaaaaaaaaaaaaaaa" || all["team-b"].Reveal() != "bbbbbbbbbbbbbbbb" {
		t.Errorf("tokens %v, %v; want both layers", len(all), err)
	}
	for text, says := range map[string]string{
		"team-b":       "line 1: want",
		"team-b short": "line 1: 5 characters",
		"team-b bbbbbbbbbbbbbbbb\nteam-b cccccccccccccccc":      "line 2: team-b stands twice",
		"team-a bbbbbbbbbbbbbbbb":                               "team-a stands twice",
		"team-b aaaaaaaaaaaaaaaa":                               "team-a and team-b have the same token",
		"team-b bbbbbbbbbbbbbbbb spare":                         "line 1: want",
		"team-b \x01bbbbbbbbbbbbbbbb":                           "holds a space or a character outside ASCII",
		"team-b " + strings.Repeat("b", maxToken+1):             "characters; want at most",
		strings.Repeat("team-b bbbbbbbbbbbbbbbb\n", 1<<20/22+1): "larger than",
	} {
		write(text)
		_, err := c.Ingest.AllTokens()
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "bbbbbbbbbbbbbbbb") {
			t.Errorf("%.40q: %.200v; want %q and no token", text, err, says)
		}
	}
}

func TestToken_IsNeverPrinted(t *testing.T) {
	t.Parallel()
	tok := Token(goodToken)
	y, yerr := yaml.Marshal(map[string]Token{"a": tok})
	j, jerr := json.Marshal(map[string]Token{"a": tok})
	if yerr != nil || jerr != nil {
		t.Fatal(yerr, jerr)
	}
	for _, text := range []string{fmt.Sprint(tok), fmt.Sprintf("%q %s %v %+v %#v %x", tok, tok, tok, tok, tok, tok), string(y), string(j)} {
		if strings.Contains(text, goodToken) || strings.Contains(text, fmt.Sprintf("%x", goodToken)) {
			t.Errorf("printed: %s", text)
		}
	}
	if tok.Reveal() != goodToken {
		t.Error("Reveal does not give the token")
	}
}
