package demo

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the data set
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

//go:embed data/bikeshare-hourly.csv.gz
var bikeshare []byte

// features are the columns a model may see. casual, registered and cnt are the label
// in other words and never leave this file.
var features = []string{"season", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"}

// Facts of the data set, checked when it is read.
const (
	wantRows    = 17_379
	wantRentals = 3_292_679
)

// row is one hour.
type row struct {
	id       string
	timeMS   int64
	values   []float64 // in the order of features
	positive bool      // more than 200 rentals
}

// rows reads the embedded data set, in order of time.
func rows() ([]row, error) {
	z, err := gzip.NewReader(bytes.NewReader(bikeshare))
	if err != nil {
		return nil, fmt.Errorf("bike sharing data: %w", err)
	}
	r := csv.NewReader(z)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("bike sharing data: %w", err)
	}
	at := map[string]int{}
	for i, name := range head {
		at[name] = i
	}
	var out []row
	rentals := 0
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("bike sharing data: %w", err)
		}
		x, err := parse(rec, at)
		if err != nil {
			return nil, fmt.Errorf("bike sharing data, row %d: %w", len(out)+1, err)
		}
		n, err := strconv.Atoi(rec[at["cnt"]])
		if err != nil {
			return nil, fmt.Errorf("bike sharing data, row %d: cnt: %w", len(out)+1, err)
		}
		rentals += n
		out = append(out, x)
	}
	if len(out) != wantRows || rentals != wantRentals {
		return nil, fmt.Errorf("bike sharing data: %d rows and %d rentals, want %d and %d: the embedded file is damaged", len(out), rentals, wantRows, wantRentals)
	}
	return out, nil
}

func parse(rec []string, at map[string]int) (row, error) {
	t, err := time.Parse("2006-01-02T15:04:05", rec[at["ts"]])
	if err != nil {
		return row{}, err
	}
	x := row{id: t.Format("20060102T15"), timeMS: t.UnixMilli(), positive: rec[at["high_demand"]] == "1"}
	for _, f := range features {
		v, err := strconv.ParseFloat(rec[at[f]], 64)
		if err != nil {
			return row{}, fmt.Errorf("%s: %w", f, err)
		}
		x.values = append(x.values, v)
	}
	return x, nil
}
