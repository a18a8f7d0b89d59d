package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ride BOOTSTRAP TOPIC PARTITIONS RECORDS_PER_S: produces numbered records, with the library's idempotence, until its input ends; reads them in a
// group that commits after every poll, until it is ended. Prints "acked NUMBER PARTITION OFFSET", "read NUMBER PARTITION OFFSET" and "error TEXT".
func ride(arguments []string) error {
	if len(arguments) != 4 {
		return errors.New("ride BOOTSTRAP TOPIC PARTITIONS RECORDS_PER_S")
	}
	partitions, first := strconv.Atoi(arguments[2])
	rate, second := strconv.Atoi(arguments[3])
	if err := errors.Join(first, second); err != nil {
		return err
	}
	told := &printer{to: bufio.NewWriter(os.Stdout)}
	seeds, topic := kgo.SeedBrokers(strings.Split(arguments[0], ",")...), arguments[1]
	producer, err := kgo.NewClient(seeds, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(2*time.Millisecond))
	if err != nil {
		return err
	}
	reader, err := kgo.NewClient(seeds, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(topic+"-readers"), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(6*time.Second), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	go readOn(reader, told)
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for number, begun := 0, time.Now(); ; {
		select {
		case <-ended:
			if err := producer.Flush(context.Background()); err != nil {
				return err
			}
			told.line("done")
			select {}
		case <-tick.C:
		}
		for float64(number) < time.Since(begun).Seconds()*float64(rate) {
			sent := number
			record := &kgo.Record{Topic: topic, Partition: int32(sent % partitions), Value: []byte(strconv.Itoa(sent))}
			producer.Produce(context.Background(), record, func(r *kgo.Record, err error) {
				if err != nil {
					told.line("error %d: %v", sent, err)
				} else {
					told.line("acked %d %d %d", sent, r.Partition, r.Offset)
				}
			})
			number++
		}
	}
}

func readOn(reader *kgo.Client, told *printer) {
	for {
		fetches := reader.PollFetches(context.Background())
		fetches.EachError(func(_ string, _ int32, err error) { told.line("trouble %v", err) })
		fetches.EachRecord(func(r *kgo.Record) { told.line("read %s %d %d", r.Value, r.Partition, r.Offset) })
		if err := reader.CommitUncommittedOffsets(context.Background()); err != nil {
			told.line("trouble %v", err)
		}
	}
}

// printer writes whole lines, from any goroutine.
type printer struct {
	guard sync.Mutex // over to
	to    *bufio.Writer
}

func (p *printer) line(format string, values ...any) {
	p.guard.Lock()
	defer p.guard.Unlock()
	fmt.Fprintf(p.to, format+"\n", values...)
	p.to.Flush()
}
