package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// Ingest is the way in for events over HTTP, at POST /api/v1/ingest of role serve.
type Ingest struct {
	Enabled         bool             `yaml:"enabled" doc:"Take events at POST /api/v1/ingest and write them to the topic. Role serve then needs the brokers."`
	Tokens          map[string]Token `yaml:"tokens" doc:"Who may send, name: token of at least 16 characters. Better in token_file or in the variable, written {name: token}."`
	TokenFile       string           `yaml:"token_file" doc:"File with one \"name token\" a line; empty lines and lines that begin with # are passed over. Read at the start."`
	Topic           string           `yaml:"topic" doc:"Topic that features and predictions are written to; empty for the first of topics.inputs with role events."`
	LabelTopic      string           `yaml:"label_topic" doc:"Topic that labels are written to; empty for the first of topics.inputs with role labels, or topic where there is none."`
	MaxBody         Size             `yaml:"max_body" doc:"Largest body of a request, after decompression."`
	MaxEvents       int              `yaml:"max_events" doc:"Most events of one request."`
	EventsPerSecond int              `yaml:"events_per_second" doc:"Events a second that one token may send, in the long run; 0 for no limit. A whole request may come at once."`
	InFlight        int              `yaml:"in_flight" doc:"Requests that are read and written at one time; with max_body it bounds the memory they take."`
	Timeout         Duration         `yaml:"timeout" doc:"How long reading a request, and then the brokers' acknowledgement, may take, each."`
	ModelPartitions int              `yaml:"model_partitions" doc:"Partitions that the events of one model are spread over; 0 for all. Few keep memory of collect small where there are many models."`
}

// Token lets its holder send events. Printing, logging or encoding it hides it whole;
// Reveal alone gives it.
type Token string

// Reveal returns the token, for the one place that compares it.
func (t Token) Reveal() string { return string(t) }

// String hides the token; Format does so under every verb.
func (t Token) String() string {
	if t == "" {
		return ""
	}
	return hidden
}

// Format implements fmt.Formatter, so that %q, %#v and %x hide it too.
func (t Token) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", t.String())
		return
	}
	fmt.Fprint(f, t.String())
}

// MarshalYAML writes the hidden text.
func (t Token) MarshalYAML() (any, error) { return t.String(), nil }

// MarshalJSON writes the hidden text.
func (t Token) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", t.String()), nil }

// MarshalText writes the hidden text.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

const (
	minToken      = 16
	maxToken      = 512
	maxTokens     = 1000
	maxTokenBytes = 1 << 20 // of a file
)

// tokenName is what stands in logs; text of a token never does.
func tokenName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

// tokenFault says what is wrong with a token, without repeating it; "" if nothing is.
func tokenFault(t string) string {
	switch {
	case len(t) < minToken:
		return fmt.Sprintf("%d characters; want at least %d", len(t), minToken)
	case len(t) > maxToken:
		return fmt.Sprintf("%d characters; want at most %d", len(t), maxToken)
	case strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "holds a space or a character outside ASCII, which no header can carry"
	}
	return ""
}

func (c *Config) checkIngest(k *checker) {
	g := &c.Ingest
	k.must(g.MaxBody >= 1<<10 && g.MaxBody <= 256<<20, "ingest.max_body", "%s; want 1KiB to 256MiB", g.MaxBody)
	k.whole("ingest.max_events", g.MaxEvents, 1, 1_000_000)
	k.whole("ingest.events_per_second", g.EventsPerSecond, 0, 100_000_000)
	k.whole("ingest.in_flight", g.InFlight, 1, 10_000)
	k.span("ingest.timeout", g.Timeout, 100*Duration(1e6))
	k.must(g.Timeout <= 25*second, "ingest.timeout", "%s; want at most 25s, or the server ends the request first", g.Timeout)
	k.whole("ingest.model_partitions", g.ModelPartitions, 0, 100_000)
	for _, name := range slices.Sorted(maps.Keys(g.Tokens)) {
		key := "ingest.tokens." + name
		k.must(tokenName(name), key, "want a name of 1 to 64 letters, digits, dot, dash and underscore")
		if fault := tokenFault(g.Tokens[name].Reveal()); fault != "" {
			k.bad(key, "%s", fault)
		}
	}
	if !g.Enabled {
		return
	}
	k.must(len(g.Tokens) > 0 || g.TokenFile != "", "ingest.enabled", "true, but nobody may send: set ingest.token_file or ingest.tokens")
	for key, topic := range map[string]string{"ingest.topic": g.Topic, "ingest.label_topic": g.LabelTopic} {
		i := slices.IndexFunc(c.Topics.Inputs, func(in Input) bool { return in.Topic == topic })
		k.must(topic == "" || i >= 0, key, "%q is not among topics.inputs; nobody would read it", topic)
		k.must(key != "ingest.topic" || i < 0 || c.Topics.Inputs[i].Role == "events", key, "%q has the role labels: windows would not wait for it; want one with role events", topic)
	}
	for key, topic := range map[string]string{"ingest.topic": c.IngestTopic(), "ingest.label_topic": c.IngestLabelTopic()} {
		for _, in := range c.Topics.Inputs {
			k.must(in.Topic != topic || !in.Historical, key, "%q is historical: records that are written now would make all that follow late", topic)
		}
	}
}

// IngestTopic is where features and predictions of the HTTP way in go.
func (c *Config) IngestTopic() string {
	if c.Ingest.Topic != "" {
		return c.Ingest.Topic
	}
	return c.inputOf("events")
}

// IngestLabelTopic is where labels of the HTTP way in go.
func (c *Config) IngestLabelTopic() string {
	if c.Ingest.LabelTopic != "" {
		return c.Ingest.LabelTopic
	}
	if topic := c.inputOf("labels"); topic != "" {
		return topic
	}
	return c.IngestTopic()
}

func (c *Config) inputOf(role string) string {
	for _, in := range c.Topics.Inputs {
		if in.Role == role {
			return in.Topic
		}
	}
	return ""
}

// AllTokens returns the tokens of configuration and file, by name.
//
// Errors: a file that cannot be read or holds something else, a name or token that
// stands twice; none repeats a token.
func (g Ingest) AllTokens() (map[string]Token, error) {
	all := maps.Clone(g.Tokens)
	if all == nil {
		all = map[string]Token{}
	}
	if g.TokenFile != "" {
		if err := g.readTokens(all); err != nil {
			return nil, &Fault{Key: "ingest.token_file", Text: err.Error()}
		}
	}
	if len(all) == 0 || len(all) > maxTokens {
		return nil, &Fault{Key: "ingest.token_file", Text: fmt.Sprintf("%d tokens; want 1 to %d", len(all), maxTokens)}
	}
	holder := map[Token]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if other, twice := holder[all[name]]; twice {
			return nil, &Fault{Key: "ingest.token_file", Text: fmt.Sprintf("%s and %s have the same token; want one each, or a limit of one would be that of both", other, name)}
		}
		holder[all[name]] = name
	}
	return all, nil
}

func (g Ingest) readTokens(into map[string]Token) error {
	f, err := os.Open(g.TokenFile)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxTokenBytes+1))
	if err != nil {
		return err
	}
	if len(text) > maxTokenBytes {
		return fmt.Errorf("%s is larger than %d bytes", g.TokenFile, maxTokenBytes)
	}
	var errs []error
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		fault := ""
		switch {
		case len(words) != 2 || !tokenName(words[0]):
			fault = "want \"name token\""
		case into[words[0]] != "":
			fault = fmt.Sprintf("%s stands twice", words[0])
		default:
			if fault = tokenFault(words[1]); fault == "" {
				into[words[0]] = Token(words[1])
			}
		}
		if fault != "" {
			errs = append(errs, fmt.Errorf("%s line %d: %s", g.TokenFile, n, fault))
		}
	}
	return errors.Join(errs...)
}
