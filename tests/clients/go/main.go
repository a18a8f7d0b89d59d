// franz-go, the Go client with no C beneath it: creates, produces in every codec, shares a group of two, survives kill -9, seeks
// by time. Prints one line per case, as harness/report.py does; finds the node in CLIENTS_NODE, and kills and starts it by
// the program named in CLIENTS_NODE_COMMAND. With "ride" as its first argument it does what ride.go says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

var errSkip = errors.New("skipped")

func main() {
	if len(os.Args) > 1 && os.Args[1] == "ride" {
		if err := ride(os.Args[2:]); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	broker := nodeFromEnvironment()
	failed := false
	run := func(name string, test func(context.Context, node) error) {
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
		defer cancel()
		started := time.Now()
		err := test(ctx, broker)
		switch {
		case err == nil:
			fmt.Printf("ok franz-go %s (%.1f s)\n", name, time.Since(started).Seconds())
		case errors.Is(err, errSkip):
			fmt.Printf("SKIP franz-go %s: %v\n", name, err)
		default:
			failed = true
			fmt.Printf("FAIL franz-go %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
	run("creates a topic once", createsATopicOnce)
	for _, codec := range codecs {
		run("gets back what it sent, "+codec.name, func(ctx context.Context, n node) error {
			return getsBackWhatItSent(ctx, n, codec)
		})
	}
	run("shares a group of two", sharesAGroupOfTwo)
	run("resumes from its commit after kill -9", resumesFromItsCommitAfterKill)
	run("seeks by time", seeksByTime)
	if failed {
		os.Exit(1)
	}
}

// node is the broker under test.
type node struct {
	bootstrap string
	isForeign bool
}

func nodeFromEnvironment() node {
	fields := strings.Split(os.Getenv("CLIENTS_NODE"), "|")
	if len(fields) == 1 { // a person named a broker
		return node{bootstrap: fields[0], isForeign: true}
	}
	return node{bootstrap: fields[1] + ":" + fields[2], isForeign: fields[0] == "foreign"}
}

// restartAfterKill is kill -9 and a start that waits until the broker serves.
func (n node) restartAfterKill() error {
	if n.isForeign {
		return fmt.Errorf("%w: needs to stop the broker, and it is not ours", errSkip)
	}
	for _, verb := range []string{"kill", "start"} {
		command := exec.Command("python3", os.Getenv("CLIENTS_NODE_COMMAND"), verb)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("node %s: %w: %s", verb, err, output)
		}
	}
	return nil
}
