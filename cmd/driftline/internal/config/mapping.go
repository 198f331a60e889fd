package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/avro"
	"github.com/driftline/driftline/stream/mapping/schemas"
)

// Mapping says where the fields of events stand in the records of a topic.
type Mapping struct {
	Type           string   `yaml:"type" doc:"Where the type of event stands. Here and below: a path such as meta.id, \"=constant\", \"@key\", \"@header.NAME\" or \"@ce.ATTRIBUTE\" of a CloudEvent; several separated by | are tried in order. Empty for the default of the format."`
	Model          string   `yaml:"model" doc:"The model."`
	Version        string   `yaml:"version" doc:"Its version."`
	ID             string   `yaml:"id" doc:"The id that joins prediction and label. Rows of one record get #0, #1 and so on after an id they share."`
	Time           string   `yaml:"time" doc:"When it happened; where there is none, the record's time."`
	TimeUnit       string   `yaml:"time_unit" enum:"|rfc3339|s|ms|us|ns" doc:"What times are written in; empty reads RFC 3339 and milliseconds."`
	Score          string   `yaml:"score" doc:"The score."`
	Prediction     string   `yaml:"prediction" doc:"The predicted class."`
	Label          string   `yaml:"label" doc:"The label."`
	Rows           string   `yaml:"rows" doc:"Path of an array that holds one row per item; \".\" for the payload itself."`
	Features       string   `yaml:"features" doc:"Path of the object or array of features. Empty: a member called features, else all members that are nothing else."`
	FeaturesPrefix string   `yaml:"features_prefix" doc:"Members whose names begin so are features, named without it."`
	FeatureNames   []string `yaml:"feature_names" doc:"Names of features by position, for arrays and packed; of an object only these, in this order."`
	Drop           []string `yaml:"drop" doc:"Members that are no features."`
	Segments       []string `yaml:"segments" doc:"Paths of segments, or of an object of them."`
	NumericStrings bool     `yaml:"numeric_strings" doc:"Text such as \"12.5\" counts as a number."`
	SchemaFile     string   `yaml:"schema_file" doc:"Format avro without a registry: the file of the schema that all records are written with, without framing."`
}

// SchemaRegistry is where the schemas of Avro records are.
type SchemaRegistry struct {
	URL          string   `yaml:"url" doc:"http or https URL of a Confluent-compatible registry; empty for none."`
	Username     string   `yaml:"username" doc:"User name; empty for no login."`
	PasswordFile string   `yaml:"password_file" doc:"File that holds the password; one line end after it is dropped."`
	TokenFile    string   `yaml:"token_file" doc:"File that holds a bearer token, instead of a user name."`
	CAFile       string   `yaml:"ca_file" doc:"PEM file of the authorities that are trusted; empty for the system's."`
	Timeout      Duration `yaml:"timeout" doc:"Longest wait for one answer. While the registry does not answer, reading waits; nothing is lost."`
}

// Reads returns how the records of the topic become events.
func (in Input) Reads() mapping.Mapping {
	out := mapping.Mapping{Format: in.Format}
	if m := in.Mapping; m != nil {
		out = mapping.Mapping{
			Format: in.Format, Type: m.Type, Model: m.Model, Version: m.Version, ID: m.ID, Time: m.Time, TimeUnit: m.TimeUnit,
			Score: m.Score, Prediction: m.Prediction, Label: m.Label, Rows: m.Rows, Features: m.Features, FeaturesPrefix: m.FeaturesPrefix,
			FeatureNames: m.FeatureNames, Drop: m.Drop, Segments: m.Segments, NumericStrings: m.NumericStrings,
		}
	}
	return out
}

// Framed says that records of the topic name their schemas by id.
func (in Input) Framed() bool {
	return in.Format == mapping.Avro && (in.Mapping == nil || in.Mapping.SchemaFile == "")
}

// Schema reads the schema of a topic whose records have no framing; nil for others.
func (in Input) Schema() (*avro.Schema, error) {
	if in.Format != mapping.Avro || in.Framed() {
		return nil, nil
	}
	f, err := os.Open(in.Mapping.SchemaFile)
	if err != nil {
		return nil, &Fault{Key: "mapping.schema_file of topic " + in.Topic, Text: err.Error()}
	}
	defer func() { _ = f.Close() }() // it was only read
	text := make([]byte, avro.MaxSchemaBytes+1)
	n := 0
	for n < len(text) {
		k, err := f.Read(text[n:])
		n += k
		if err != nil {
			break
		}
	}
	s, err := avro.Parse(string(text[:n]))
	if err != nil {
		return nil, &Fault{Key: "mapping.schema_file of topic " + in.Topic, Text: fmt.Sprintf("%s: %v", in.Mapping.SchemaFile, err)}
	}
	return s, nil
}

// checkMapping checks format and mapping of an input.
func (c *Config) checkMapping(k *checker, key string, in Input) {
	for _, f := range in.Reads().Validate(in.Topic) {
		k.bad(key+"."+f.Key, "%s", f.Text)
	}
	file := in.Mapping != nil && in.Mapping.SchemaFile != ""
	switch {
	case file && in.Format != mapping.Avro:
		k.bad(key+".mapping.schema_file", "%q, but format is %q; only avro takes a schema", in.Mapping.SchemaFile, in.Format)
	case in.Framed() && c.SchemaRegistry.URL == "":
		k.bad(key+".format", "avro needs schema_registry.url, or mapping.schema_file for records without framing")
	}
}

func (c *Config) checkRegistry(k *checker) {
	r := &c.SchemaRegistry
	k.span("schema_registry.timeout", r.Timeout, 1*second)
	if r.URL == "" {
		k.must(r.Username == "" && r.PasswordFile == "" && r.TokenFile == "" && r.CAFile == "", "schema_registry.url", "empty, but other keys of schema_registry are set")
		return
	}
	k.must((r.Username == "") == (r.PasswordFile == ""), "schema_registry.username", "%q with password_file %q; want both or neither", r.Username, r.PasswordFile)
	k.must(r.Username == "" || r.TokenFile == "", "schema_registry.token_file", "%q beside a user name; want one of them", r.TokenFile)
	probe := schemas.Config{URL: r.URL, Username: r.Username}
	if r.TokenFile != "" {
		probe.Token = "set"
	}
	if err := probe.Check(); err != nil {
		k.bad("schema_registry.url", "%v", err)
	}
}

// Client returns the settings of the registry's client, with secrets read from files.
func (r SchemaRegistry) Client() (schemas.Config, error) {
	out := schemas.Config{URL: r.URL, Username: r.Username, Timeout: r.Timeout.Std()}
	var err error
	if r.PasswordFile != "" {
		if out.Password, err = secretFile("schema_registry.password_file", r.PasswordFile); err != nil {
			return out, err
		}
	}
	if r.TokenFile != "" {
		if out.Token, err = secretFile("schema_registry.token_file", r.TokenFile); err != nil {
			return out, err
		}
	}
	if r.CAFile != "" {
		text, err := os.ReadFile(r.CAFile)
		if err != nil {
			return out, &Fault{Key: "schema_registry.ca_file", Text: err.Error()}
		}
		out.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
		if !out.TLS.RootCAs.AppendCertsFromPEM(text) {
			return out, &Fault{Key: "schema_registry.ca_file", Text: fmt.Sprintf("%s holds no PEM certificate", r.CAFile)}
		}
	}
	return out, nil
}

// secretFile reads one line of a file. One line end after it is dropped, as editors and
// echo leave it.
func secretFile(key, path string) (string, error) {
	fail := func(format string, args ...any) (string, error) {
		return "", &Fault{Key: key, Text: fmt.Sprintf(format, args...)}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fail("%v", err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case secret == "":
		return fail("%s is empty", path)
	case len(secret) > maxSecretBytes || strings.ContainsAny(secret, "\r\n\x00"):
		return fail("%s holds more than one line of at most %d bytes", path, maxSecretBytes)
	}
	return secret, nil
}
