package kafka

import (
	"strings"
	"testing"
)

func TestLacking_ComparesRanges(t *testing.T) {
	t.Parallel()
	offered := map[int][2]int{}
	for _, a := range Needed() {
		offered[a.Key] = [2]int{0, 20}
	}
	if got := lacking(offered); len(got) != 0 {
		t.Errorf("a broker that offers all lacks %v", got)
	}
	offered[1] = [2]int{12, 17} // too new for us
	offered[3] = [2]int{0, 7}   // enough to read, too old to tell rights
	delete(offered, 32)
	var names []string
	for _, x := range lacking(offered) {
		names = append(names, x.String())
	}
	want := "Fetch v5 to v11 (the broker offers v12 to v17), for reading; from v10 on with zstd\n" +
		"DescribeConfigs v1 to v3 (the broker does not offer it), for bounds of record times, retention, clean-up of topics\n" +
		"Metadata v8 (the broker offers v0 to v7), for doctor: rights on topics"
	if got := strings.Join(names, "\n"); got != want {
		t.Errorf("lacking:\n%s\nwant:\n%s", got, want)
	}
}

func FuzzParseRights(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'c', 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 't', 0, 0, 0, 0, 0, 0, 0, 5, 9, 0x80, 0, 0, 0}, false)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 'g', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 8}, true)
	f.Add([]byte{0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, true)
	f.Fuzz(func(t *testing.T, body []byte, group bool) {
		if group {
			if a, err := parseGroupRights(body); (a == nil) == (err == nil) {
				t.Errorf("answer %v with error %v", a, err)
			}
			return
		}
		if a, err := parseTopicRights(body); (a == nil) == (err == nil) {
			t.Errorf("answer %v with error %v", a, err)
		}
	})
}
