package event_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// service writes events in one layout, as a prediction service does whose encoder
// keeps an order of keys and a form of numbers.
type service struct {
	comma, colon, open, end string
	keys                    []string // of the event, in order
	features                []string
	segments                []string
	number                  func(r *rand.Rand) string
	time                    func(r *rand.Rand) string
	model                   string
	odd                     int // one of so many values is of another kind
	drops                   bool
}

// numberForms are the ways in which encoders write numbers.
var numberForms = []func(r *rand.Rand) string{
	func(r *rand.Rand) string { return strconv.Itoa(r.IntN(2000) - 500) },
	func(r *rand.Rand) string { return strconv.FormatInt(r.Int64()>>uint(r.IntN(60)), 10) },
	func(r *rand.Rand) string { return strconv.FormatFloat(r.NormFloat64()*100, 'f', r.IntN(7), 64) },
	func(r *rand.Rand) string { return python(r.NormFloat64() * math.Pow(10, float64(r.IntN(50)-25))) },
	func(r *rand.Rand) string { return python(float64(float32(r.ExpFloat64()))) },
	func(r *rand.Rand) string { b, _ := json.Marshal(r.NormFloat64()); return string(b) },
	func(r *rand.Rand) string { return jackson(r.NormFloat64() * math.Pow(10, float64(r.IntN(30)-15))) },
	func(r *rand.Rand) string { return strconv.FormatFloat(r.Float64(), 'f', r.IntN(25), 64) },
	func(r *rand.Rand) string {
		return strconv.FormatFloat(math.Float64frombits(r.Uint64()&^(1<<62)), 'g', -1, 64)
	},
	func(r *rand.Rand) string {
		return []string{"0", "-0", "0.0", "-0.0", "-0e5", "1e-05", "1E+2", "0.1", "12.100000381469727", "9007199254740993", "123456789.5", "12345678", "99999999.99999999", "5e-324", "1e400"}[r.IntN(15)%14]
	},
}

// python writes a float as repr does.
func python(x float64) string {
	s := strconv.FormatFloat(x, 'g', -1, 64)
	if a := math.Abs(x); a >= 1e-4 && a < 1e16 {
		s = strconv.FormatFloat(x, 'f', -1, 64)
	}
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// jackson writes a double as Double.toString does: 1.0E-5.
func jackson(x float64) string {
	if a := math.Abs(x); a >= 1e-3 && a < 1e7 {
		return python(x)
	}
	s := strconv.FormatFloat(x, 'E', -1, 64)
	m, e, _ := strings.Cut(s, "E")
	if !strings.Contains(m, ".") {
		m += ".0"
	}
	n, _ := strconv.Atoi(e)
	return m + "E" + strconv.Itoa(n)
}

func newService(r *rand.Rand) service {
	s := service{comma: ",", colon: ":", number: numberForms[r.IntN(len(numberForms))], odd: []int{5, 40, 400, 4000}[r.IntN(4)], drops: r.IntN(3) == 0}
	switch r.IntN(4) {
	case 0:
		s.comma, s.colon = ", ", ": "
	case 1:
		s.comma, s.colon, s.open, s.end = ",\n  ", ": ", "\n", "\n"
	}
	s.model = []string{"m", "fraud", "acis_growth_classifier", "café", "_own", ""}[max(r.IntN(24)-18, 0)]
	s.keys = []string{"type", "model", "version", "id", "ts", "features", "score", "prediction", "segments", "label", "trace", "x"}
	r.Shuffle(len(s.keys), func(i, j int) {
		if r.IntN(2) == 0 {
			s.keys[i], s.keys[j] = s.keys[j], s.keys[i]
		}
	})
	s.keys = s.keys[:7+r.IntN(6)]
	for i := range 1 + r.IntN(14) {
		s.features = append(s.features, []string{fmt.Sprintf("f%d", i), fmt.Sprintf("credit_amount_%d", i), fmt.Sprintf("a\\u0031_%d", i), fmt.Sprintf("größe_der_fläche_%d", i)}[r.IntN(6)%4])
	}
	for i := range r.IntN(4) {
		s.segments = append(s.segments, fmt.Sprintf("region%d", i))
	}
	layout := []string{"2006-01-02T15:04:05.000Z", time.RFC3339Nano, "2006-01-02T15:04:05.000000Z07:00", "2006-01-02 15:04:05Z07:00", "ms", "2006-01-02T15:04:05"}[r.IntN(21)/4]
	zone := time.FixedZone("", []int{0, 0, 3600, -34200}[r.IntN(4)])
	s.time = func(r *rand.Rand) string {
		at := time.UnixMilli(jan2).Add(time.Duration(r.Int64N(int64(72 * time.Hour)))).In(zone)
		if layout == "ms" {
			return strconv.FormatInt(at.UnixMilli(), 10)
		}
		return at.Format(`"` + layout + `"`)
	}
	return s
}

// event writes one event.
func (s service) event(r *rand.Rand) []byte {
	var members []string
	for _, key := range s.keys {
		if s.drops && r.IntN(12) == 0 {
			continue
		}
		members = append(members, `"`+key+`"`+s.colon+s.value(r, key))
	}
	return []byte(s.open + "{" + strings.Join(members, s.comma) + "}" + s.end)
}

func (s service) value(r *rand.Rand, key string) string {
	if r.IntN(s.odd) == 0 {
		return oddValue(r)
	}
	switch key {
	case "type":
		return `"prediction"`
	case "model":
		if r.IntN(3) == 0 {
			return `"` + s.model + `2"`
		}
		return `"` + s.model + `"`
	case "version":
		return []string{`"3"`, `"2026-01"`, "12"}[r.IntN(3)]
	case "id":
		return fmt.Sprintf(`"%x"`, r.Uint64()>>uint(r.IntN(64)))
	case "ts":
		return s.time(r)
	case "score":
		return s.number(r)
	case "prediction":
		return []string{"1", `"yes"`, "true", "0.5"}[r.IntN(4)]
	case "features":
		return s.object(r, s.features, s.number)
	case "segments":
		if len(s.segments) == 0 {
			return "null"
		}
		return s.object(r, s.segments, func(r *rand.Rand) string { return []string{`"us"`, `"eu-west"`, "7", "true"}[r.IntN(4)] })
	}
	return []string{"null", "null", "7", `"text"`, `{"a":[1,{"b":null}]}`}[r.IntN(5)] // keys that few services send
}

func (s service) object(r *rand.Rand, names []string, value func(*rand.Rand) string) string {
	var members []string
	for _, name := range names {
		v := value(r)
		if r.IntN(s.odd) == 0 {
			v = oddValue(r)
		}
		members = append(members, `"`+name+`"`+s.colon+v)
	}
	return "{" + strings.Join(members, s.comma) + "}"
}

// oddValue is any JSON value, good or bad in its place.
func oddValue(r *rand.Rand) string {
	all := []string{
		"null", "true", "false", `""`, `"a\nb"`, `"Zürich"`, `"\ud83d\ude00"`, `"tab	"`, `"del` + "\x7f" + `"`, `"*"`, `"_x"`, "{}", `{"a":[1,{"b":null}]}`, "[]", "[[[[1]]]]",
		"007", "1.", ".5", "-", "1e", "+1", "1e999", "1/2", "nul", "nullx", "truefalse", `"bad` + "\xff" + `"`, `"` + strings.Repeat("long", 80) + `"`, "12345678901234567890123", "0.1e-30", "1e5", "1e5e5", "2.5E-3", "-1", "0", `"x"`,
	}
	return all[r.IntN(len(all))]
}

// broken changes one thing about a text, as faulty senders and hostile ones do.
func broken(r *rand.Rand, text []byte) []byte {
	at, to := r.IntN(len(text)), r.IntN(len(text)+1)
	at, to = min(at, to), max(at, to)
	switch r.IntN(6) {
	case 0:
		return text[:at]
	case 1:
		text[at] = `"\{}[]:,.-+eE019 nut_*`[r.IntN(21)]
	case 2:
		text[at] = byte(r.IntN(256))
	case 3:
		return append(text[:to:to], text[at:]...) // a part stands twice
	case 4:
		return append(text[:at:at], text[to:]...) // a part is missing
	case 5:
		return append(text, []string{" ", "}", "\x00", "x", "\n"}[r.IntN(5)]...)
	}
	return text
}
