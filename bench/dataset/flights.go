package dataset

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// flight is what is read of a file of flights; times are microseconds, local and taken as UTC.
type flight struct {
	Date        int64  `parquet:"date"`
	Delay       *int64 `parquet:"delay"`
	Distance    *int64 `parquet:"distance"`
	Origin      string `parquet:"origin"`
	Destination string `parquet:"destination"`
}

type flightRow struct {
	Date        int64  `parquet:"date,timestamp(microsecond)"`
	Origin      string `parquet:"origin,dict"`
	Destination string `parquet:"destination,dict"`
	Delay       *int64 `parquet:"delay,optional"`
	Distance    *int64 `parquet:"distance,optional"`
	AirportTied bool   `parquet:"airport_tied"`
	RouteTied   bool   `parquet:"route_tied"`
}

type flightSpineRow struct {
	At          int64  `parquet:"event_timestamp,timestamp(microsecond)"`
	Origin      string `parquet:"origin,dict"`
	Destination string `parquet:"destination,dict"`
	ID          int64  `parquet:"row_id"`
}

type airportMinute struct {
	date   int64
	origin string
}

type routeMinute struct {
	airportMinute
	destination string
}

// Flights is a folder of two files made of real flights: source.parquet has each as a feature row, in the order of
// departure, with airport_tied and route_tied where another one has the same time and origin, and destination;
// spine.parquet has each as a spine row. from is a Parquet file, or a folder of them. Gives the folder and the number of
// flights.
func (c Cache) Flights(ctx context.Context, from string) (string, int, error) {
	flights, err := readFlights(from)
	if err != nil {
		return "", 0, err
	}
	folder, err := c.Set(ctx, "flights-"+count(len(flights)), func(ctx context.Context, folder string) error {
		airports, routes := map[airportMinute]int{}, map[routeMinute]int{}
		for _, f := range flights {
			a := airportMinute{f.Date, f.Origin}
			airports[a]++
			routes[routeMinute{a, f.Destination}]++
		}
		err := writeFile(ctx, filepath.Join(folder, "source.parquet"), len(flights), func(i int, r *flightRow) {
			f := &flights[i]
			a := airportMinute{f.Date, f.Origin}
			*r = flightRow{f.Date, f.Origin, f.Destination, f.Delay, f.Distance, airports[a] > 1, routes[routeMinute{a, f.Destination}] > 1}
		})
		if err != nil {
			return err
		}
		return writeFile(ctx, filepath.Join(folder, "spine.parquet"), len(flights), func(i int, r *flightSpineRow) {
			*r = flightSpineRow{flights[i].Date, flights[i].Origin, flights[i].Destination, int64(i)}
		})
	})
	return folder, len(flights), err
}

func readFlights(from string) ([]flight, error) {
	files := []string{from}
	if info, err := os.Stat(from); err != nil {
		return nil, fmt.Errorf("flights, a Parquet file or a folder of them: %w", err)
	} else if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(from, "*.parquet")); err != nil {
			return nil, err
		}
	}
	var all []flight
	for _, file := range files {
		rows, err := parquet.ReadFile[flight](file)
		if err != nil {
			return nil, fmt.Errorf("read flights of %s: %w", file, err)
		}
		all = append(all, rows...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no flights in %s: name a Parquet file or a folder of them", from)
	}
	slices.SortStableFunc(all, func(a, b flight) int { return cmp.Compare(a.Date, b.Date) })
	return all, nil
}
