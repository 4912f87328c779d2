package quiver_test

import (
	"context"
	"fmt"
	"log"
	"time"

	quiver "github.com/quiver-features/quiver/sdk/go"
)

// A model that predicts delays asks for the features of two flights.
func Example() {
	target, options, stop := startServer() // in a program: "localhost:7070", quiver.Options{}, and no stop
	defer stop()

	client, err := quiver.Dial(target, options)
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = client.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	resp, err := client.GetOnlineFeatures(ctx, quiver.Request{
		Service: "delay_model",
		Keys: quiver.Columns{
			"origin":      quiver.Strings("SFO", "XXX"),
			"destination": quiver.Strings("LAX", "BOS"),
		},
	})
	if err != nil {
		log.Panic(err)
	}

	delays, err := resp.Float64s("origin__delay")
	if err != nil {
		log.Panic(err)
	}
	delay, err := resp.Feature("origin__delay")
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(resp.Service)
	for row := range resp.Rows {
		fmt.Println(delays[row], delay.Status(row))
	}
	// Output:
	// delay_model@3
	// 3.5 PRESENT
	// NaN NOT_FOUND
}
