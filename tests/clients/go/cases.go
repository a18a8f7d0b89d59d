package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func (n node) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(n.bootstrap), kgo.RetryTimeout(60 * time.Second)}, options...)...)
}

func (n node) createTopic(ctx context.Context, topic string, partitions int32) error {
	client, err := n.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, topic)
	return errors.Join(err, answer.Err)
}

// produce waits for every acknowledgement. Idempotence is the library's default.
func (n node) produce(ctx context.Context, records []*kgo.Record, codec kgo.CompressionCodec) error {
	client, err := n.client(kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	return client.ProduceSync(ctx, records...).FirstErr()
}

// read polls the client until it has returned so many records.
func read(ctx context.Context, client *kgo.Client, count int) ([]*kgo.Record, error) {
	var found []*kgo.Record
	for len(found) < count {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d records were read: %w", len(found), count, err)
		}
		for _, failure := range fetches.Errors() {
			return nil, failure.Err
		}
		found = append(found, fetches.Records()...)
	}
	return found, nil
}

func createsATopicOnce(ctx context.Context, n node) error {
	if err := n.createTopic(ctx, "go-created", 3); err != nil {
		return err
	}
	client, err := n.client()
	if err != nil {
		return err
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(ctx, "go-created")
	if err != nil {
		return err
	}
	if count := len(topics["go-created"].Partitions); count != 3 {
		return fmt.Errorf("the new topic has %d partitions, not 3", count)
	}
	if err := n.createTopic(ctx, "go-created", 3); !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("a second creation was answered %v", err)
	}
	return nil
}

func getsBackWhatItSent(ctx context.Context, n node, codec codec) error {
	topic := "go-codec-" + codec.name
	if err := n.createTopic(ctx, topic, 4); err != nil {
		return err
	}
	records := sample(topic)
	if err := n.produce(ctx, records, codec.kgo); err != nil {
		return err
	}
	sent := map[place]*kgo.Record{}
	for _, r := range records {
		sent[placeOf(r)] = r
	}
	client, err := n.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := read(ctx, client, len(records))
	if err != nil {
		return err
	}
	for _, r := range found {
		original, known := sent[placeOf(r)]
		if !known {
			return fmt.Errorf("%v was read twice, or never sent", placeOf(r))
		}
		delete(sent, placeOf(r))
		if text := difference(original, r); text != "" {
			return fmt.Errorf("%v: %s", placeOf(r), text)
		}
	}
	if len(sent) > 0 {
		return fmt.Errorf("%d records did not come back", len(sent))
	}
	return nil
}

func resumesFromItsCommitAfterKill(ctx context.Context, n node) error {
	topic := "go-resumed"
	if err := n.createTopic(ctx, topic, 3); err != nil {
		return err
	}
	before := plain(topic, "before", 120)
	if err := n.produce(ctx, before, kgo.NoCompression()); err != nil {
		return err
	}
	seen := map[place]int{}
	if err := n.readInGroup(ctx, topic, 40, 20, seen); err != nil {
		return err
	}
	if err := n.restartAfterKill(); err != nil {
		return err
	}
	after := plain(topic, "after", 60)
	if err := n.produce(ctx, after, kgo.NoCompression()); err != nil {
		return err
	}
	if err := n.readInGroup(ctx, topic, 180-len(seen), 500, seen); err != nil {
		return err
	}
	for _, r := range append(before, after...) {
		if seen[placeOf(r)] != 1 {
			return fmt.Errorf("%v was read %d times", placeOf(r), seen[placeOf(r)])
		}
	}
	return nil
}

// readInGroup reads at least so many records as the group's only member, commits them and leaves.
func (n node) readInGroup(ctx context.Context, topic string, count, atOnce int, seen map[place]int) error {
	client, err := n.client(kgo.ConsumeTopics(topic), kgo.ConsumerGroup("go-resumed"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	for got := 0; got < count; {
		fetches := client.PollRecords(ctx, atOnce)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d of %d records were read in the group: %w", got, count, err)
		}
		records := fetches.Records()
		got += len(records)
		for _, r := range records {
			seen[placeOf(r)]++
		}
		if err := client.CommitRecords(ctx, records...); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	return nil
}

func seeksByTime(ctx context.Context, n node) error {
	topic := "go-timed"
	if err := n.createTopic(ctx, topic, 1); err != nil {
		return err
	}
	records := plain(topic, "timed", 100)
	if err := n.produce(ctx, records, kgo.NoCompression()); err != nil {
		return err
	}
	first := records[0].Timestamp.UnixMilli()
	for _, asked := range []struct{ after, expected int64 }{{0, 0}, {41_000, 41}, {41_001, 42}, {-5, 0}} {
		client, err := n.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(first+asked.after)))
		if err != nil {
			return err
		}
		found, err := read(ctx, client, 1)
		client.Close()
		if err != nil {
			return err
		}
		if found[0].Offset != asked.expected {
			return fmt.Errorf("%d ms after the first record: offset %d, not %d", asked.after, found[0].Offset, asked.expected)
		}
	}
	client, err := n.client()
	if err != nil {
		return err
	}
	defer client.Close()
	// Past the last record kadm asks again for the end of the log.
	listed, err := kadm.NewClient(client).ListOffsetsAfterMilli(ctx, first+99_001, topic)
	if err != nil {
		return err
	}
	if offset, _ := listed.Lookup(topic, 0); offset.Err != nil || offset.Offset != 100 {
		return fmt.Errorf("past the last record: offset %d, error %v", offset.Offset, offset.Err)
	}
	return nil
}
