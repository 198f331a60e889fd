package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// column is what a sample says about one path of flat JSON.
type column struct {
	path                        string
	rows, nulls                 int
	numbers, texts, bools, rest int
	numeric                     int // texts that are numbers
	times                       int // texts of RFC 3339
	lo, hi                      float64
	distinct                    map[string]bool
}

const maxDistinct = 4096

// sample gathers columns, in the order in which they are met.
type sample struct {
	columns []*column
	index   map[string]*column
	rows    int
	objects map[string]int // values below each path of an object
}

func (s *sample) add(t *tree.Tree, at tree.Ref, path string) {
	for c, n := range t.Children(at) {
		name := n.Name
		if path != "" {
			name = path + "." + n.Name
		}
		if n.Kind == tree.Object {
			s.objects[name] += n.Len
			s.add(t, c, name)
			continue
		}
		x := s.index[name]
		if x == nil {
			if len(s.columns) == 2000 {
				continue
			}
			x = &column{path: name, distinct: map[string]bool{}}
			s.index[name], s.columns = x, append(s.columns, x)
		}
		x.see(n)
	}
}

func (x *column) see(n *tree.Node) {
	x.rows++
	text := n.Text
	switch n.Kind {
	case tree.Null:
		x.nulls++
		return
	case tree.Number:
		if x.numbers == 0 {
			x.lo, x.hi = n.Num, n.Num
		}
		x.lo, x.hi = min(x.lo, n.Num), max(x.hi, n.Num)
		x.numbers++
	case tree.Text:
		x.texts++
		if _, err := strconv.ParseFloat(n.Text, 64); err == nil && !strings.ContainsAny(n.Text, "xXpP_nN") {
			x.numeric++
		}
		if _, ok := event.ParseTime(n.Text); ok {
			x.times++
		}
	case tree.Bool:
		x.bools++
		text = strconv.FormatBool(n.Num != 0)
	default:
		x.rest++
	}
	if len(x.distinct) < maxDistinct {
		x.distinct[text] = true
	}
}

func (x *column) filled() int { return x.rows - x.nulls }

// last is the last part of a path in lower case without separators.
func (x *column) last() string {
	name := x.path[strings.LastIndexByte(x.path, '.')+1:]
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// What members are called, by the part they play.
var names = map[string]*regexp.Regexp{
	"time":       regexp.MustCompile(`^(ts|time|timestamp|timestampms|eventtime|eventts|datetime|createdat|occurredat|when|inferencetime|scoredat|requesttime)$`),
	"id":         regexp.MustCompile(`^(id|eventid|requestid|predictionid|inferenceid|transactionid|uuid|guid|traceid|rowid|messageid|correlationid|key)$`),
	"some id":    regexp.MustCompile(`.(id|uuid|guid)$`),
	"model":      regexp.MustCompile(`^(model|modelname|modelid)$`),
	"version":    regexp.MustCompile(`^(version|modelversion|modelver)$`),
	"score":      regexp.MustCompile(`^(score|probability|proba|prob|confidence|predictedprobability|predictionscore|yprob|yscore)$`),
	"prediction": regexp.MustCompile(`^(prediction|predicted|pred|predictedclass|predictedlabel|class|decision|ypred|outcomepredicted)$`),
	"label":      regexp.MustCompile(`^(label|target|truth|groundtruth|actual|actuallabel|outcome|ytrue|y)$`),
}

// pick finds the column that plays a part: by name, shallow paths first, and where ok
// says that its values fit.
func (s *sample) pick(part string, ok func(*column) bool) *column {
	var best *column
	for _, x := range s.columns {
		if !names[part].MatchString(x.last()) || x.filled() == 0 || !ok(x) {
			continue
		}
		if best == nil || strings.Count(x.path, ".") < strings.Count(best.path, ".") {
			best = x
		}
	}
	return best
}

// timeUnit tells what a column of times is written in; "" if it is none. The ranges are
// the years 2001 to 2100 in each unit.
func timeUnit(x *column) string {
	switch n := x.filled(); {
	case x.times == n:
		return "rfc3339"
	case x.numbers != n:
		return ""
	case x.lo >= 1e9 && x.hi < 4.2e9:
		return "s"
	case x.lo >= 1e12 && x.hi < 4.2e12:
		return "ms"
	case x.lo >= 1e15 && x.hi < 4.2e15:
		return "us"
	case x.lo >= 1e18 && x.hi < 4.2e18:
		return "ns"
	}
	return ""
}

// flat proposes a mapping of flat JSON.
func (p *Proposal) flat(topic string, recs []event.Raw) {
	m := &p.Mapping
	m.Format = mapping.Flat
	s := sample{index: map[string]*column{}, objects: map[string]int{}}
	for i := range recs {
		var t tree.Tree
		if t.JSON(recs[i].Value) != nil {
			continue
		}
		s.record(&t, m)
	}
	used := map[string]bool{}
	take := func(field *string, byDefault string, x *column) {
		if x == nil {
			return
		}
		used[x.path] = true
		if x.path != byDefault {
			*field = x.path
		}
	}
	p.time(&s, take)
	unique := func(x *column) bool {
		return (x.texts == x.filled() || x.numbers == x.filled()) && 10*len(x.distinct) >= 9*min(x.filled(), maxDistinct)
	}
	id := s.pick("id", unique)
	if id == nil {
		id = s.pick("some id", unique)
	}
	take(&m.ID, "id", id)
	take(&m.Version, "version", s.pick("version", func(x *column) bool { return len(x.distinct) <= 50 }))
	take(&m.Score, "score", s.pick("score", func(x *column) bool { return x.numbers > 0 || x.numeric == x.texts }))
	take(&m.Prediction, "prediction", s.pick("prediction", func(x *column) bool { return x.rest == 0 }))
	take(&m.Label, "label", s.pick("label", func(x *column) bool { return x.rest == 0 }))
	if x := s.pick("model", func(x *column) bool { return x.texts == x.filled() && len(x.distinct) <= 100 }); x != nil {
		take(&m.Model, "model", x)
	} else {
		m.Model = "=" + modelOf(topic)
		p.note("no member names the model: %s is made up from the topic, put its name there", m.Model)
	}
	s.typeOf(p, used)
	p.features(&s, used)
	for _, role := range []struct {
		part, path string
	}{{"id", m.ID}, {"score", m.Score}, {"prediction", m.Prediction}, {"label", m.Label}} {
		if role.path != "" {
			p.note("%s is taken from %s", role.part, role.path)
		}
	}
	if id == nil {
		p.note("no member identifies a row: labels cannot be joined")
	}
}

// record adds the rows of one record; an array of objects is rows, at the top or as the
// only one of its kind.
func (s *sample) record(t *tree.Tree, m *mapping.Mapping) {
	root := t.Root()
	list, path := tree.None, ""
	switch t.At(root).Kind {
	case tree.List:
		list = root
	case tree.Object:
		for c, n := range t.Children(root) {
			first := t.Item(c, 0)
			if n.Kind == tree.List && first != tree.None && t.At(first).Kind == tree.Object && n.Len*3 > t.At(root).Len {
				list, path = c, n.Name
				break
			}
		}
	}
	if list == tree.None {
		s.rows++
		s.add(t, root, "")
		return
	}
	m.Rows = path
	for c, n := range t.Children(list) {
		if n.Kind == tree.Object {
			s.rows++
			s.add(t, c, "")
		}
	}
	if path == "" {
		return
	}
	for c, n := range t.Children(root) { // what the rows share
		if c == list || n.Kind == tree.Object || n.Kind == tree.List {
			continue
		}
		x := s.index[n.Name]
		if x == nil {
			x = &column{path: n.Name, distinct: map[string]bool{}}
			s.index[n.Name], s.columns = x, append(s.columns, x)
		}
		x.see(n)
	}
}

// time finds the time, by name or as the only column of RFC 3339 texts.
func (p *Proposal) time(s *sample, take func(*string, string, *column)) {
	m := &p.Mapping
	x := s.pick("time", func(x *column) bool { return timeUnit(x) != "" })
	if x == nil {
		for _, c := range s.columns {
			if c.filled() > 0 && c.times == c.filled() {
				if x != nil {
					p.note("more than one member is a time: %s and %s", x.path, c.path)
					break
				}
				x = c
			}
		}
	}
	if x == nil {
		p.note("no member is a time: the time of the record counts")
		return
	}
	take(&m.Time, "ts", x)
	unit := timeUnit(x)
	if unit != "rfc3339" && unit != "ms" {
		m.TimeUnit = unit
	}
	p.note("time is %s, in %s", x.path, unit)
}

// typeOf settles the type where a member called type is something else.
func (s *sample) typeOf(p *Proposal, used map[string]bool) {
	x := s.index["type"]
	if x == nil {
		return
	}
	for text := range x.distinct {
		if event.ParseType(text) == 0 {
			m := &p.Mapping
			m.Type = "=feature"
			switch {
			case used[orDefault(m.Label, "label")] && s.index[orDefault(m.Label, "label")] != nil:
				m.Type = "=label"
			case s.index[orDefault(m.Score, "score")] != nil || s.index[orDefault(m.Prediction, "prediction")] != nil:
				m.Type = "=prediction"
			}
			p.note("the member type is not the type of event (%s): the type is set to %s", event.Quote(text), m.Type)
			return
		}
	}
	used["type"] = true
}

func orDefault(s, byDefault string) string {
	if s == "" {
		return byDefault
	}
	return s
}

// features proposes the object that holds most of what is left, and leaves out what
// names rows rather than describes them.
func (p *Proposal) features(s *sample, used map[string]bool) {
	m := &p.Mapping
	best, most, left := "", 0, 0
	for _, x := range s.columns {
		if !used[x.path] {
			left++
		}
	}
	for path := range s.objects {
		n := 0
		for _, x := range s.columns {
			if !used[x.path] && strings.HasPrefix(x.path, path+".") {
				n++
			}
		}
		if n > most || n == most && n > 0 && (strings.Count(path, ".") > strings.Count(best, ".") || path < best && strings.Count(path, ".") == strings.Count(best, ".")) {
			best, most = path, n
		}
	}
	prefix := ""
	if best != "" && (2*most > left || best == "features") {
		prefix = best + "."
		if best != "features" {
			m.Features = best
		}
		p.note("features are the members of %s", best)
	}
	numeric, features := 0, 0
	for _, x := range s.columns {
		inside, found := strings.CutPrefix(x.path, prefix)
		if used[x.path] || !found {
			continue
		}
		switch n := x.filled(); {
		case x.rest > 0:
			m.Drop = append(m.Drop, inside)
			p.note("%s is an array, which is no feature: dropped", x.path)
			continue
		case x.texts == n && n > 0 && x.numeric < n && (x.times == n || n >= 20 && 2*len(x.distinct) > n):
			m.Drop = append(m.Drop, inside)
			p.note("%s has %d values in %d rows: dropped, as it names rows or times", x.path, len(x.distinct), n)
			continue
		case x.texts > 0 && x.numeric == x.texts:
			numeric++
		}
		features++
	}
	if numeric > 0 {
		m.NumericStrings = true
		p.note("%d members are numbers in quotes: numeric_strings is on", numeric)
	}
	slices.Sort(m.Drop)
	p.note("%d features in %d rows", features, s.rows)
}

// modelOf makes a name of a topic.
func modelOf(topic string) string {
	if topic == "" {
		return "my_model"
	}
	return strings.ReplaceAll(topic, ".", "_")
}

// YAML writes the proposal as an item of topics.inputs.
func (p Proposal) YAML(topic string) string {
	var b strings.Builder
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "# %s\n", n)
	}
	m := p.Mapping
	fmt.Fprintf(&b, "topics:\n  inputs:\n    - topic: %s\n      role: events\n      format: %s\n", strconv.Quote(topic), m.Format)
	var lines []string
	put := func(key, value string) {
		if value != "" {
			lines = append(lines, fmt.Sprintf("        %s: %s\n", key, quote(value)))
		}
	}
	list := func(key string, values []string) {
		if len(values) == 0 {
			return
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = quote(v)
		}
		lines = append(lines, fmt.Sprintf("        %s: [%s]\n", key, strings.Join(quoted, ", ")))
	}
	put("type", m.Type)
	put("model", m.Model)
	put("version", m.Version)
	put("id", m.ID)
	put("time", m.Time)
	put("time_unit", m.TimeUnit)
	put("score", m.Score)
	put("prediction", m.Prediction)
	put("label", m.Label)
	put("rows", m.Rows)
	put("features", m.Features)
	put("features_prefix", m.FeaturesPrefix)
	list("feature_names", m.FeatureNames)
	list("drop", m.Drop)
	list("segments", m.Segments)
	if m.NumericStrings {
		lines = append(lines, "        numeric_strings: true\n")
	}
	if len(lines) > 0 {
		b.WriteString("      mapping:\n" + strings.Join(lines, ""))
	}
	return b.String()
}

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// quote writes a text as YAML; JSON strings are YAML.
func quote(s string) string {
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if plain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
