package store

import (
	"math"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what MLflow clients may store, in characters.
const (
	maxKey             = 250
	maxParamValue      = 6000    // longer values are cut
	maxRunTagValue     = 8000    // longer values are cut
	maxExperimentTag   = 5000    // longer values are refused
	maxRegistryTag     = 100_000 // prompts keep their text in a tag
	maxExperimentName  = 500
	maxArtifactURI     = 2048
	maxModelName       = 256
	maxAlias           = 255
	maxDescription     = 100_000
	maxDatasetName     = 500
	maxDatasetDigest   = 36
	maxDatasetSource   = 65_535
	maxDatasetSchema   = 1_048_575
	maxDatasetProfile  = 16_777_215
	maxInputTagKey     = 255
	maxInputTagValue   = 500
	maxInputs          = 1000
	maxBatchMetrics    = 1000
	maxBatchParams     = 100
	maxBatchTags       = 100
	maxBatchTotal      = 1000
	maxLoggedModelName = 250
)

// checkKey refuses a metric, param or tag name outside the pattern. where names
// the field as the client sent it, e.g. "metrics[0].name".
func checkKey(where, key string) error {
	switch {
	case key == "":
		return fault(ErrInvalid, "Missing value for required parameter '%s'.", where)
	case utf8.RuneCountInString(key) > maxKey:
		return fault(ErrInvalid, "'%s' exceeds the maximum length of %d characters", where, maxKey)
	}
	for _, r := range key {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_/.-: ", r) {
			return fault(ErrInvalid, "Invalid value %q for parameter '%s' supplied: names may hold letters, digits, underscores, dashes, periods, spaces, colons and slashes.", key, where)
		}
	}
	if path.Clean(key) != key || key == "." || key == ".." || strings.HasPrefix(key, "../") || key[0] == '/' {
		return fault(ErrInvalid, "Invalid value %q for parameter '%s' supplied: names are used as paths and must be in normal form, such as %q.", key, where, strings.TrimLeft(path.Clean(key), "./"))
	}
	return nil
}

func checkLength(where, value string, limit int) error {
	if len(value) > limit && utf8.RuneCountInString(value) > limit {
		return fault(ErrInvalid, "'%s' exceeds the maximum length of %d characters", where, limit)
	}
	return nil
}

// cut shortens text to limit characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}

// checkRegistryTag holds for registered models and versions. Their tag names have
// no pattern upstream; only the length and control characters are checked.
func checkRegistryTag(key, value string) error {
	if key == "" {
		return fault(ErrInvalid, "Missing value for required parameter 'key'.")
	}
	if err := checkLength("key", key, maxKey); err != nil {
		return err
	}
	return checkLength("value", value, maxRegistryTag)
}

// checkModelName refuses names that URIs and paths could not carry, and a percent
// sign, with which one name could pass for another once decoded.
func checkModelName(name string) error {
	if name == "" {
		return fault(ErrInvalid, "Registered model name cannot be empty.")
	}
	if utf8.RuneCountInString(name) > maxModelName {
		return fault(ErrInvalid, "Registered model name exceeds the maximum length of %d characters", maxModelName)
	}
	for _, r := range name {
		if r == '/' || r == ':' || r == '%' || unicode.IsControl(r) {
			return fault(ErrInvalid, "Invalid model name: %q. Names must not hold '/', ':', '%%' or control characters.", name)
		}
	}
	return nil
}

func checkAlias(alias string) error {
	if alias == "" {
		return fault(ErrInvalid, "Registered model alias name cannot be empty.")
	}
	if len(alias) > maxAlias {
		return fault(ErrInvalid, "Registered model alias name exceeds the maximum length of %d characters", maxAlias)
	}
	for _, r := range alias {
		if r > 127 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' {
			return fault(ErrInvalid, "Invalid alias name: %q. Aliases may hold letters, digits, underscores and dashes.", alias)
		}
	}
	if strings.EqualFold(alias, "latest") {
		return fault(ErrInvalid, "'latest' alias name (case insensitive) is reserved.")
	}
	if rest := alias[1:]; (alias[0] == 'v' || alias[0] == 'V') && rest != "" && strings.Trim(rest, "0123456789") == "" {
		return fault(ErrInvalid, "Version alias name %q is reserved.", alias)
	}
	return nil
}

// parseVersion reads a version number as clients write it.
func parseVersion(version string) (int64, error) {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 0 {
		return 0, fault(ErrInvalid, "Parameter 'version' must be an integer, got '%s'.", cut(version, 100))
	}
	return n, nil
}

// storedValue is a metric's value as the table keeps it: NaN as 0 with a flag, ±Inf
// as the largest finite numbers.
func storedValue(v float64) (value float64, isNaN int) {
	switch {
	case math.IsNaN(v):
		return 0, 1
	case math.IsInf(v, 1):
		return math.MaxFloat64, 0
	case math.IsInf(v, -1):
		return -math.MaxFloat64, 0
	}
	return v, 0
}

func loadedValue(v float64, isNaN int) float64 {
	if isNaN != 0 {
		return math.NaN()
	}
	return v
}

// joinURI puts parts behind the path of a URI, before any query.
func joinURI(root string, parts ...string) string {
	base, query, found := strings.Cut(root, "?")
	out := strings.TrimRight(base, "/")
	if strings.HasSuffix(base, ":/") && !strings.HasSuffix(base, "://") {
		out = base[:len(base)-1] // "mlflow-artifacts:/" + "/0"
	}
	for _, p := range parts {
		out += "/" + p
	}
	if found {
		out += "?" + query
	}
	return out
}
