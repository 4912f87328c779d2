// Command extract makes the example's data from the two public files that it
// comes from: the flights of a range of days, a file a day, each with the time at
// which it had landed; one day's flights as labels; and the airports.
//
//	go run ./examples/flights/extract --flights flights-3m.parquet --airports airports.csv \
//	    --out data --from 2001-01-01 --to 2001-07-01 --labels 2001-06-29
//
// README.md beside the example tells where the files are published.
package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// published is a row of the public file. Times are microseconds, local and
// without a zone; they are taken as UTC.
type published struct {
	Date        int64  `parquet:"date"`
	Delay       *int64 `parquet:"delay"`
	Distance    *int64 `parquet:"distance"`
	Origin      string `parquet:"origin"`
	Destination string `parquet:"destination"`
}

type flight struct {
	Date        int64  `parquet:"date,timestamp(microsecond:local),delta"`
	LandedAt    int64  `parquet:"landed_at,timestamp(microsecond:local)"`
	Origin      string `parquet:"origin,dict"`
	Destination string `parquet:"destination,dict"`
	Delay       *int64 `parquet:"delay,optional,dict"`
	Distance    *int64 `parquet:"distance,optional,dict"`
}

type label struct {
	EventTimestamp int64  `parquet:"event_timestamp,timestamp(microsecond:local),delta"`
	Origin         string `parquet:"origin,dict"`
	Destination    string `parquet:"destination,dict"`
	Distance       *int64 `parquet:"distance,optional,dict"`
	Late           bool   `parquet:"late"`
}

type airport struct {
	IATA      string  `parquet:"iata"`
	Name      string  `parquet:"name"`
	City      string  `parquet:"city"`
	State     string  `parquet:"state,dict"`
	Latitude  float64 `parquet:"latitude"`
	Longitude float64 `parquet:"longitude"`
	AsOf      int64   `parquet:"as_of,timestamp(microsecond:local),dict"`
}

type config struct {
	flights, airports, out string
	from, to, labels       time.Time
}

func main() {
	c, err := parse(os.Args[1:])
	if err == nil {
		err = c.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "extract:", err)
		os.Exit(1)
	}
}

func parse(args []string) (config, error) {
	var c config
	var from, to, labels string
	set := flag.NewFlagSet("extract", flag.ContinueOnError)
	set.StringVar(&c.flights, "flights", "", "the published flights-3m.parquet")
	set.StringVar(&c.airports, "airports", "", "the published airports.csv")
	set.StringVar(&c.out, "out", "data", "folder to write to")
	set.StringVar(&from, "from", "2001-06-17", "first day")
	set.StringVar(&to, "to", "2001-07-01", "the day after the last one")
	set.StringVar(&labels, "labels", "2001-06-29", "the day whose flights are the labels")
	if err := set.Parse(args); err != nil {
		return c, err
	}
	var errs [3]error
	c.from, errs[0] = time.Parse(time.DateOnly, from)
	c.to, errs[1] = time.Parse(time.DateOnly, to)
	c.labels, errs[2] = time.Parse(time.DateOnly, labels)
	return c, errors.Join(errs[:]...)
}

func (c config) run() error {
	rows, err := parquet.ReadFile[published](c.flights)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.flights, err)
	}
	for day := c.from; day.Before(c.to); day = day.AddDate(0, 0, 1) {
		var flights []flight
		var labels []label
		for _, r := range rows {
			if r.Date < day.UnixMicro() || r.Date >= day.AddDate(0, 0, 1).UnixMicro() {
				continue
			}
			flights = append(flights, flightOf(r))
			if day.Equal(c.labels) && r.Delay != nil {
				labels = append(labels, label{r.Date, r.Origin, r.Destination, r.Distance, *r.Delay > 15})
			}
		}
		if err := write(filepath.Join(c.out, "flights", day.Format(time.DateOnly)+".parquet"), flights); err != nil {
			return err
		}
		if labels != nil {
			if err := write(filepath.Join(c.out, "labels.parquet"), labels); err != nil {
				return err
			}
		}
	}
	airports, err := readAirports(c.airports)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.airports, err)
	}
	return write(filepath.Join(c.out, "airports.parquet"), airports)
}

// flightOf adds when the flight had landed, roughly: 30 minutes on the ground and
// 480 miles an hour in the air.
func flightOf(r published) flight {
	f := flight{Date: r.Date, Origin: r.Origin, Destination: r.Destination, Delay: r.Delay, Distance: r.Distance}
	var miles int64
	if r.Distance != nil {
		miles = *r.Distance
	}
	f.LandedAt = r.Date + 30*time.Minute.Microseconds() + miles*time.Minute.Microseconds()/8
	return f
}

func readAirports(path string) ([]airport, error) {
	file, err := os.Open(path) //nolint:gosec // a path that the user names
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	lines := csv.NewReader(file)
	if _, err := lines.Read(); err != nil {
		return nil, err
	}
	asOf := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	var airports []airport
	for {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return airports, nil
		}
		if err != nil {
			return nil, err
		}
		latitude, latErr := strconv.ParseFloat(line[5], 64)
		longitude, lonErr := strconv.ParseFloat(line[6], 64)
		if err := errors.Join(latErr, lonErr); err != nil {
			return nil, err
		}
		airports = append(airports, airport{line[0], line[1], line[2], line[3], latitude, longitude, asOf})
	}
}

func write[T any](path string, rows []T) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return parquet.WriteFile(path, rows, parquet.Compression(&zstd.Codec{Level: zstd.SpeedBestCompression}))
}
