package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadModels_TakesAListAndNothingElse(t *testing.T) {
	t.Parallel()
	base := Default()
	base.Policy.Warn = 0.12
	base.Models = []Model{base.NewModel("configured")}
	got, err := ReadModels(write(t, "models:\n  - name: churn\n    training: {window: 90d}\n"), &base)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Name != "churn" || got[0].Policy.Warn != 0.12 || got[0].Automation != "approve" || got[0].Training.Window != 90*days {
		t.Errorf("models %+v", got)
	}
	if len(base.Models) != 1 || base.Models[0].Name != "configured" {
		t.Errorf("the configuration was changed: %+v", base.Models)
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{"another section", "stream: {}\nmodels: [{name: a}]\n", []string{"driftline.yaml:1: stream: unknown key; known here: models"}},
		{"no list", "models: []\n", []string{"driftline.yaml: models: empty; want a list of models"}},
		{"an empty file", "", []string{"driftline.yaml: models: empty; want a list of models"}},
		{"every fault", "models:\n  - nam: a\n    examples: all\n", []string{
			"driftline.yaml:2: models[0].nam: unknown key; did you mean models[0].name?",
			`driftline.yaml:3: models[0].examples: "all"; want off, scores or rows`,
		}},
		{"a window that is not there", "models:\n  - name: a\n    policy: {windows: [3h]}\n", []string{
			"driftline.yaml:3: models[0].policy.windows[0]: 3h is none of stream.windows, [1h 24h 7d]",
		}},
		{"segments that no event carries", "models:\n  - name: a\n    segments: {\"re\\egion\": [eu], plan: [\"a\\nb\", " + strings.Repeat("x", 257) + "]}\n", []string{
			`driftline.yaml:3: models[0].segments: no event carries it: "value of plan" holds the control character 0x0a: "a\nb"`,
			`driftline.yaml:3: models[0].segments: no event carries it: "value of plan" of 257 bytes, at most 256 are allowed`,
			`driftline.yaml:3: models[0].segments: no event carries it: "name" holds the control character 0x1b: "re\x1bgion"`,
		}},
		{"a model without a name", "models:\n  - examples: off\n", []string{
			`driftline.yaml:2: models[0].name: ""; want 1 to 256 bytes, not beginning with an underscore`,
		}},
	}
	for _, tt := range tests {
		_, err := ReadModels(write(t, tt.text), &base)
		if diff := cmp.Diff(tt.want, faultLines(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestSpec_ReadsBackAsTheSameModel(t *testing.T) {
	t.Parallel()
	base := Default()
	models := []Model{base.NewModel("plain"), exampleModel()}
	models[0].settle()
	for _, want := range models {
		text, err := want.Spec()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseSpec(text, &base)
		if err != nil {
			t.Fatalf("%s: %v\n%s", want.Name, err, text)
		}
		again, err := got.Spec()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(again)); diff != "" {
			t.Errorf("%s, written, read and written again (-first +second):\n%s", want.Name, diff)
		}
		if !strings.HasPrefix(string(text), `{"automation":`) || strings.Contains(string(text), "\n") {
			t.Errorf("%s is not canonical JSON: %s", want.Name, text)
		}
	}
	for text, want := range map[string]string{
		"{":                              "not JSON",
		`{"name":"a"},{"name":"b"}`:      "not JSON",
		`{"name":"a","colour":"red"}`:    "models[0].colour: unknown key",
		`{"name":"a","examples":"most"}`: `models[0].examples: "most"`,
		`[]`:                             "a list; want a section with keys",
		`null`:                           "models[0].name",
	} {
		if _, err := ParseSpec([]byte(text), &base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSpec(%s): %v, want %q", text, err, want)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	base := Default()
	m := exampleModel()
	text, err := m.Spec()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, seed := range []string{`{}`, `{"name":"a","training":{"params":{"max_depth":1e999}}}`, `{"name":"a","name":"b"}`, `[[]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseSpec(text, &base)
		if err != nil {
			return
		}
		spec, err := m.Spec()
		if err != nil {
			t.Fatalf("accepted %s, but it cannot be written: %v", text, err)
		}
		if _, err := ParseSpec(spec, &base); err != nil {
			t.Fatalf("accepted %s, written as %s, refused: %v", text, spec, err)
		}
	})
}

func TestSASL_ReadsThePasswordFile(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want, fault string }{
		{"plain", "s3cr3t", "s3cr3t", ""},
		{"a line end", "s3cr3t\n", "s3cr3t", ""},
		{"a Windows line end", "s3cr3t\r\n", "s3cr3t", ""},
		{"spaces are part of it", " s3 cr3t ", " s3 cr3t ", ""},
		{"empty", "\n", "", "is empty"},
		{"two lines", "a\nb\n", "", "more than one line"},
		{"a file by mistake", strings.Repeat("s3cr3t", 1000), "", "more than one line"},
	}
	for _, tt := range tests {
		s := SASL{Mechanism: "PLAIN", Username: "ann", PasswordFile: write(t, tt.text)}
		got, err := s.Password()
		if got != tt.want || (err == nil) != (tt.fault == "") || err != nil && (!strings.Contains(err.Error(), tt.fault) || strings.Contains(err.Error(), "s3cr3t")) {
			t.Errorf("%s: %q, %v; want %q, fault %q", tt.name, got, err, tt.want, tt.fault)
		}
	}
	if _, err := (SASL{Mechanism: "PLAIN", PasswordFile: filepath.Join(t.TempDir(), "none")}).Password(); err == nil || !strings.HasPrefix(err.Error(), "broker.sasl.password_file: ") {
		t.Errorf("a file that is missing: %v, want the key", err)
	}
	if got, err := (SASL{}).Password(); got != "" || err != nil {
		t.Errorf("no login: %q, %v", got, err)
	}
}

func TestTLS_BuildsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := (TLS{}).Config(); c != nil || err != nil {
		t.Errorf("TLS off: %v, %v; want none", c, err)
	}
	c, err := TLS{Enabled: true, CAFile: cert, CertFile: cert, KeyFile: key, ServerName: "kafka"}.Config()
	if err != nil || c.RootCAs == nil || len(c.Certificates) != 1 || c.ServerName != "kafka" || c.InsecureSkipVerify {
		t.Errorf("TLS with all files: %+v, %v", c, err)
	}
	for name, bad := range map[string]struct {
		tls  TLS
		want string
	}{
		"authorities that are missing": {TLS{Enabled: true, CAFile: filepath.Join(dir, "none")}, "broker.tls.ca_file: "},
		"authorities that are none":    {TLS{Enabled: true, CAFile: key}, "holds no PEM certificate"},
		"a key that does not fit":      {TLS{Enabled: true, CertFile: cert, KeyFile: cert}, "broker.tls.cert_file: "},
	} {
		if _, err := bad.tls.Config(); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, want %q", name, err, bad.want)
		}
	}
}
