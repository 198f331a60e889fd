package config

import (
	"net/url"
	"path/filepath"
	"strings"
)

// Config is the whole configuration. Make one with Default or Load.
type Config struct {
	Namespace      string            `yaml:"namespace" doc:"Name of this deployment. It is part of the ids of alarms and drift events: two deployments that share topics need different ones."`
	DataDir        string            `yaml:"data_dir" doc:"Directory for what one process keeps: the embedded broker, the SQLite store, local artifacts, the instance id."`
	Log            Log               `yaml:"log" doc:"Log lines on standard error."`
	HTTP           HTTP              `yaml:"http" doc:"API and pages (role serve)."`
	Ops            Ops               `yaml:"ops" doc:"Operations address of every role: /livez, /readyz and /metrics, without login."`
	Broker         Broker            `yaml:"broker" doc:"The Kafka cluster, or the embedded broker where none is named."`
	Topics         Topics            `yaml:"topics" doc:"Topics read and written."`
	SchemaRegistry SchemaRegistry    `yaml:"schema_registry" doc:"Schemas of Avro records."`
	Ingest         Ingest            `yaml:"ingest" doc:"Events over HTTP (role serve). Off until it is enabled."`
	Stream         Stream            `yaml:"stream" doc:"Event time, windows and partitions. Equal for all processes of one deployment."`
	Admission      Admission         `yaml:"admission" doc:"Which models are watched beside those listed under models."`
	Policy         Policy            `yaml:"policy" doc:"When a feature counts as drifted and when a model alarms. Models may override any of it."`
	Models         []Model           `yaml:"models" doc:"Watched models."`
	Store          Store             `yaml:"store" doc:"Database of the registry, the history and the retrains."`
	Artifacts      Artifacts         `yaml:"artifacts" doc:"Where model files are kept."`
	Historian      Historian         `yaml:"historian" doc:"History in SQL: how much is kept and how it is written."`
	Trainer        Trainer           `yaml:"trainer" doc:"Retraining (role trainer)."`
	Sources        map[string]Secret `yaml:"sources" doc:"Databases to read data tables from, name: URL. Opened read-only. Without any, DATABASE_URL is the source named default."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level" enum:"debug|info|warn|error" doc:"Least severe level that is written."`
	Format string `yaml:"format" enum:"auto|console|json" doc:"auto writes for people on a terminal and JSON lines elsewhere."`
}

// HTTP is where the API and the pages are served.
type HTTP struct {
	Listen       string   `yaml:"listen" doc:"host:port; port 0 takes a free one."`
	BasePath     string   `yaml:"base_path" doc:"Path below which everything is served behind a proxy, such as /driftline; empty for the root."`
	AllowedHosts []string `yaml:"allowed_hosts" doc:"Host names that requests may carry beside localhost and the address listened on; *.example.org stands for one level below."`
	Insecure     bool     `yaml:"insecure" doc:"Serve beyond this machine although no user is configured: everyone who reaches the port may do everything."`
}

// Ops is the operations server.
type Ops struct {
	Listen string `yaml:"listen" doc:"host:port; port 0 takes a free one."`
}

// Broker says how to reach Kafka, or how the embedded broker behaves.
type Broker struct {
	Brokers            []string `yaml:"brokers" doc:"host:port of any brokers of the cluster; empty starts the embedded broker."`
	Listen             string   `yaml:"listen" doc:"Embedded broker: host:port it serves; port 0 takes a free one."`
	Advertise          string   `yaml:"advertise" doc:"Embedded broker: host:port given to clients; empty for the address it serves."`
	ClientID           string   `yaml:"client_id" doc:"Name in the brokers' logs and quotas."`
	Group              string   `yaml:"group" doc:"Prefix of the consumer groups, which end in the role."`
	TLS                TLS      `yaml:"tls" doc:"Encryption towards the brokers."`
	SASL               SASL     `yaml:"sasl" doc:"Login at the brokers."`
	TimestampBeforeMax Duration `yaml:"timestamp_before_max" doc:"Embedded broker: how old a record's time may be when written, except on historical topics; 0 for no bound. Longer than producers keep retrying."`
	TimestampAfterMax  Duration `yaml:"timestamp_after_max" doc:"Embedded broker: how far ahead of the clock a record's time may be. At most half of stream.lateness."`
	Replicas           int      `yaml:"replicas" doc:"Cluster: copies of every topic that is created, brokers' minimum in sync one less."`
	SyncWrites         bool     `yaml:"sync_writes" doc:"Embedded broker: write to the disk itself before acknowledging, so that a power cut loses nothing acknowledged."`
	RetentionBytes     Size     `yaml:"retention_bytes" doc:"Embedded broker: most that one partition keeps. A restart reads it all."`
}

// TLS is transport encryption.
type TLS struct {
	Enabled    bool   `yaml:"enabled" doc:"Speak TLS."`
	CAFile     string `yaml:"ca_file" doc:"PEM file of the authorities that are trusted; empty for the system's."`
	CertFile   string `yaml:"cert_file" doc:"PEM file of the client certificate, together with key_file."`
	KeyFile    string `yaml:"key_file" doc:"PEM file of the client key."`
	ServerName string `yaml:"server_name" doc:"Name the brokers' certificate must carry; empty for the host that is dialled."`
}

// SASL is a login at the brokers. The password is read from a file, so that it
// stands neither here nor in a process list.
type SASL struct {
	Mechanism    string `yaml:"mechanism" enum:"|PLAIN|SCRAM-SHA-256|SCRAM-SHA-512" doc:"Empty for no login."`
	Username     string `yaml:"username" doc:"User name."`
	PasswordFile string `yaml:"password_file" doc:"File that holds the password; one line end after it is dropped."`
}

// Topics names the topics.
type Topics struct {
	Prefix          string   `yaml:"prefix" doc:"Driftline's own topics are named PREFIX.scores and so on."`
	Inputs          []Input  `yaml:"inputs" doc:"Topics with your events."`
	InputPartitions int      `yaml:"input_partitions" doc:"Partitions of input topics that Driftline creates."`
	InputRetention  Duration `yaml:"input_retention" doc:"Retention of input topics that Driftline creates. At least the longest outage plus lateness, skew, disorder and two resolutions."`
}

// Input is one topic with events.
type Input struct {
	Topic       string   `yaml:"topic" doc:"Name of the topic."`
	Role        string   `yaml:"role" enum:"events|labels" doc:"events topics are waited for before a window is final; labels topics are not."`
	Incarnation int      `yaml:"incarnation" doc:"Raise it by one when the topic was deleted and made again."`
	Format      string   `yaml:"format" enum:"native|flat|cloudevents|kserve|seldon2|v2|avro|packed" doc:"What the records hold; docs/mappings.md has an example of each."`
	Mapping     *Mapping `yaml:"mapping" doc:"Where the fields stand; left out, where the format has them. driftline mapping infer proposes one."`
	Historical  bool     `yaml:"historical" doc:"Record times are old on purpose (an archive that is replayed): no bound on their age, kept by size instead of time."`
}

// Admission says what happens with models that nobody listed.
type Admission struct {
	Mode      string `yaml:"mode" enum:"off|auto" doc:"auto watches a model from its first event on; off counts its events as seen, not watched. demo and all start with auto."`
	MaxModels int    `yaml:"max_models" doc:"Most models that auto admits."`
}

// Store names the database.
type Store struct {
	DatabaseURL Secret `yaml:"database_url" doc:"postgres://user@host/database or sqlite:PATH; empty for store.db in data_dir. Unset, MLFLOW_BACKEND_STORE_URI and then DATABASE_URL are taken. PostgreSQL tables stand in the schema driftline."`
}

// Artifacts names the artifact root.
type Artifacts struct {
	Root       string `yaml:"root" doc:"Directory or s3://bucket/prefix; empty for artifacts in data_dir. Unset, MLFLOW_ARTIFACT_ROOT is taken."`
	S3Endpoint string `yaml:"s3_endpoint" doc:"URL of an S3-compatible store; empty for AWS. Unset, MLFLOW_S3_ENDPOINT_URL is taken. Credentials come from AWS's own variables and files."`
}

// Historian says how long history is kept.
type Historian struct {
	ExampleDays int `yaml:"example_days" doc:"Days of examples (features, predictions, labels) that are kept."`
	ScoreDays   int `yaml:"score_days" doc:"Days of scores that are kept."`
	EventDays   int `yaml:"event_days" doc:"Days of drift events and resolved alarms that are kept."`
	CountDays   int `yaml:"count_days" doc:"Days of record counts by outcome that are kept."`
	BatchRows   int `yaml:"batch_rows" doc:"Most rows in one transaction, 1 to 500."`
}

// Trainer runs retrains.
type Trainer struct {
	Enabled   bool     `yaml:"enabled" doc:"Run retrains in this process (roles trainer, all, demo)."`
	Lease     Duration `yaml:"lease" doc:"How long a retrain stays with a trainer that went silent, before another takes it."`
	Scheduler string   `yaml:"scheduler" enum:"trainer|cronjob" doc:"Who starts scheduled retrains: the trainer itself, or CronJobs that run driftline retrain. Never both."`
	Schedule  string   `yaml:"schedule" doc:"Cron expression (UTC, five fields) of scheduled retrains; empty for none."`
	Threads   int      `yaml:"threads" doc:"Threads of one fit; 0 for all. The model does not depend on it."`
}

// Embedded tells whether this process starts its own broker.
func (c *Config) Embedded() bool { return len(c.Broker.Brokers) == 0 }

// StoreURL is the database to open: the configured one, else store.db in the data
// directory.
func (c *Config) StoreURL() string {
	if u := c.Store.DatabaseURL.Reveal(); u != "" {
		return u
	}
	return "sqlite:" + filepath.Join(c.DataDir, "store.db")
}

// ArtifactRoot is where artifacts are kept: the configured root, else artifacts in
// the data directory.
func (c *Config) ArtifactRoot() string {
	if c.Artifacts.Root != "" {
		return c.Artifacts.Root
	}
	return filepath.Join(c.DataDir, "artifacts")
}

// Topic returns the full name of one of Driftline's own topics, such as "scores".
func (c *Config) Topic(name string) string { return c.Topics.Prefix + "." + name }

// mask hides what is secret in a database or other URL: the password of the user
// part and of password parameters, also in keyword form. Text that cannot be read
// as a URL is hidden whole when it could hold a password.
func mask(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		if strings.ContainsAny(text, "@=") || err != nil {
			return hidden
		}
		return text // a path
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), hidden)
	}
	q := u.Query()
	for k := range q {
		if l := strings.ToLower(k); strings.Contains(l, "pass") || strings.Contains(l, "secret") || strings.Contains(l, "token") || strings.Contains(l, "key") {
			q.Set(k, hidden)
		}
	}
	if u.RawQuery != "" {
		u.RawQuery = q.Encode()
	}
	if u.User == nil && u.Opaque != "" && strings.ContainsAny(u.Opaque, "@") {
		return u.Scheme + ":" + hidden
	}
	return u.String()
}
