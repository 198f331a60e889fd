package event

import "strings"

// Times outside these are refused: epoch milliseconds of the first and the last
// millisecond of the years 0001 to 9999, UTC.
const (
	minTimeMS int64 = -62135596800000
	maxTimeMS int64 = 253402300799999
)

const (
	secondMS = 1000
	daySec   = 24 * 60 * 60
)

// inYears says whether ms lies in the years 0001 to 9999.
func inYears(ms int64) bool { return ms >= minTimeMS && ms <= maxTimeMS }

// parseEpochMS reads a JSON number of epoch milliseconds, exactly: the value is
// floored towards −∞ from the decimal digits, never from a rounded float. False if
// it lies outside the years 0001 to 9999. number must be of the JSON grammar.
func parseEpochMS(number string) (int64, bool) {
	rest, negative := strings.CutPrefix(number, "-")
	mantissa, exponent := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent = rest[:i], rest[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")

	// The value is digits · 10^(point − len(digits)): point counts the digits
	// before the decimal point.
	digits := whole + fraction
	lead := len(digits) - len(strings.TrimLeft(digits, "0"))
	if lead == len(digits) {
		return 0, true // zero, whatever the exponent
	}
	digits = digits[lead:]
	point := len(whole) - lead + clampedInt(exponent)

	const most = 15 // digits of maxTimeMS
	if point > most {
		return 0, false
	}
	var ms int64
	for i := range max(point, 0) {
		ms *= 10
		if i < len(digits) {
			ms += int64(digits[i] - '0')
		}
	}
	if negative {
		ms = -ms
		if point < len(digits) && strings.Trim(digits[max(point, 0):], "0") != "" {
			ms-- // floor, not truncate
		}
	}
	return ms, inYears(ms)
}

// clampedInt reads an exponent; beyond ±9,999,999 its size does not matter any
// more, as a record is shorter than that.
func clampedInt(s string) int {
	const limit = 9_999_999
	negative := strings.HasPrefix(s, "-")
	n := 0
	for _, c := range strings.TrimLeft(s, "+-") {
		n = min(n*10+int(c-'0'), limit)
	}
	if negative {
		return -n
	}
	return n
}

// parseRFC3339 reads a time of RFC 3339, section 5.6, with any offset and any number of
// fraction digits, floored to milliseconds towards −∞. The separator may also be a
// lower-case t or a space, Z a lower-case z. A leap second, 23:59:60 UTC, is the
// second that follows it, as in POSIX time. False for anything else.
func parseRFC3339(s string) (int64, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	if c := s[10]; c != 'T' && c != 't' && c != ' ' {
		return 0, false
	}
	year, ok1 := number2(s[0:4])
	month, ok2 := number2(s[5:7])
	day, ok3 := number2(s[8:10])
	hour, ok4 := number2(s[11:13])
	minute, ok5 := number2(s[14:16])
	second, ok6 := number2(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) {
		return 0, false
	}
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}

	rest := s[19:]
	var ms int64
	if rest[0] == '.' {
		n := 1
		for n < len(rest) && isDigit(rest[n]) {
			if n <= 3 {
				ms = ms*10 + int64(rest[n]-'0')
			}
			n++
		}
		if n == 1 {
			return 0, false
		}
		for i := n; i <= 3; i++ {
			ms *= 10
		}
		rest = rest[n:]
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	sec := daysSinceEpoch(year, month, day)*daySec + hour*3600 + minute*60 + second - offset
	if second == 60 && sec%daySec != 0 {
		return 0, false
	}
	ms += sec * secondMS
	return ms, inYears(ms)
}

// parseOffset reads "Z" or "±hh:mm" and returns seconds east of UTC.
func parseOffset(s string) (int64, bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	if len(s) != len("+00:00") || (s[0] != '+' && s[0] != '-') || s[3] != ':' {
		return 0, false
	}
	hour, ok1 := number2(s[1:3])
	minute, ok2 := number2(s[4:6])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	sec := hour*3600 + minute*60
	if s[0] == '-' {
		sec = -sec
	}
	return sec, true
}

// number2 reads a run of decimal digits of fixed width.
func number2(s string) (int64, bool) {
	var n int64
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// daysIn returns the days of a month, 1 to 12, in the Gregorian calendar.
func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSinceEpoch counts the days from 1970-01-01 to a date of the Gregorian
// calendar, years 0000 to 9999. Years are taken to begin in March, so that the leap
// day is the last day of a year and months follow the pattern 31 30 31 30 31.
func daysSinceEpoch(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	const before1970 = 719468 // days from 0000-03-01 to 1970-01-01
	year += 400               // keeps divisions of the year −1 floored
	leaps := year/4 - year/100 + year/400 - 97
	return 365*(year-400) + leaps + (153*(month-3)+2)/5 + day - 1 - before1970
}
