package event_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// producer writes events as one kind of service does.
type producer struct {
	name          string
	comma, colon  string
	feature       func(i int) string
	number        func(r *rand.Rand, i int) string
	before, after string // layouts of the keys beside the features; %s are id and ts, then the score
}

const usual = `"type":"prediction","model":"acis_growth_classifier","version":"3","id":"%s","ts":"%s",`

// producers are those of the benchmarks. The first one's events have about 840 bytes.
var producers = []producer{
	{
		name: "mixed", comma: ",", colon: ":", before: usual, after: `,"score":%s,"prediction":1,"segments":{"region":"eu-west-1"}`,
		feature: func(i int) string { return fmt.Sprintf("f%02d", i) }, number: mixed,
	},
	{
		name: "doubles", comma: ",", colon: ":", before: usual, after: `,"score":%s,"prediction":1,"segments":{"region":"eu-west-1"}`,
		feature: func(i int) string { return fmt.Sprintf("f%02d", i) },
		number:  func(r *rand.Rand, _ int) string { return strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64) },
	},
	{
		name: "long_names", comma: ", ", colon: ": ",
		before: `"type": "prediction", "model": "acis_growth_classifier", "version": "3", "id": "%s", "ts": "%s", `,
		after:  `, "score": %s, "prediction": 1`,
		feature: func(i int) string {
			return fmt.Sprintf("%s_ratio_%dq", [...]string{"debt", "quick", "current_cash", "pe"}[i%4], i)
		},
		number: mixed,
	},
}

// mixed writes numbers as features have them: counts, money, ratios, measures.
func mixed(r *rand.Rand, i int) string {
	switch i % 5 {
	case 0:
		return strconv.Itoa(int(math.Exp(2 + 1.5*r.NormFloat64())))
	case 1:
		return strconv.FormatFloat(math.Exp(4+r.NormFloat64()), 'f', 2, 64)
	case 2:
		return strconv.FormatFloat(math.Round(r.Float64()*1e4)/1e4, 'f', -1, 64)
	case 3:
		return strconv.FormatFloat(r.NormFloat64()*10, 'f', 3, 64)
	}
	return strconv.FormatFloat(math.Round(r.NormFloat64()*1e6)/1e6, 'f', -1, 64)
}

// events returns n distinct events of 50 numeric features.
func (p producer) events(r *rand.Rand, n int) [][]byte {
	at := time.UnixMilli(jan2).UTC()
	out := make([][]byte, n)
	for k := range out {
		at = at.Add(time.Duration(r.IntN(40)) * time.Millisecond)
		b := fmt.Appendf([]byte("{"), p.before, uuid(r), at.Format("2006-01-02T15:04:05.000Z"))
		b = fmt.Appendf(b, `"features"%s{`, p.colon)
		for i := range 50 {
			if i > 0 {
				b = append(b, p.comma...)
			}
			b = fmt.Appendf(b, `"%s"%s%s`, p.feature(i), p.colon, p.number(r, i))
		}
		b = append(b, '}')
		b = fmt.Appendf(b, p.after, strconv.FormatFloat(math.Round(r.Float64()*1e4)/1e4, 'f', -1, 64))
		out[k] = append(b, '}')
	}
	return out
}

// uuid returns the text of a random UUID.
func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}

// names returns n names of features.
func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("f%02d", i)
	}
	return out
}
