package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// member is a consumer in a group, polling on its own, that remembers what it holds and what it read.
type member struct {
	client *kgo.Client
	done   chan struct{}

	guard sync.Mutex // over the two below
	holds map[int32]bool
	read  []place
}

func (n node) join(topic, group string) (*member, error) {
	m := &member{done: make(chan struct{}), holds: map[int32]bool{}}
	change := func(holds bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
			if !holds {
				client.CommitUncommittedOffsets(ctx)
			}
			m.guard.Lock()
			defer m.guard.Unlock()
			for _, partition := range partitions[topic] {
				if holds {
					m.holds[partition] = true
				} else {
					delete(m.holds, partition)
				}
			}
		}
	}
	client, err := n.client(kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.SessionTimeout(10*time.Second), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)))
	if err != nil {
		return nil, err
	}
	m.client = client
	go func() {
		defer close(m.done)
		for {
			fetches := client.PollRecords(context.Background(), 20)
			if fetches.IsClientClosed() {
				return
			}
			m.guard.Lock()
			for _, r := range fetches.Records() {
				m.read = append(m.read, placeOf(r))
			}
			m.guard.Unlock()
			client.AllowRebalance()
		}
	}()
	return m, nil
}

func (m *member) leave() {
	m.client.CloseAllowingRebalance()
	<-m.done
}

func (m *member) held() []int32 {
	m.guard.Lock()
	defer m.guard.Unlock()
	return slices.Sorted(maps.Keys(m.holds))
}

func (m *member) places() []place {
	m.guard.Lock()
	defer m.guard.Unlock()
	return slices.Clone(m.read)
}

func sharesAGroupOfTwo(ctx context.Context, n node) error {
	topic := "go-shared"
	if err := n.createTopic(ctx, topic, 4); err != nil {
		return err
	}
	first, err := n.join(topic, "go-pair")
	if err != nil {
		return err
	}
	hasAll := func(m *member) func() bool { return func() bool { return len(m.held()) == 4 } }
	if err := until(ctx, "the first holds all", hasAll(first)); err != nil {
		return err
	}
	second, err := n.join(topic, "go-pair")
	if err != nil {
		return err
	}
	defer second.leave()
	isShared := func() bool {
		one, other := first.held(), second.held()
		all := slices.Sorted(slices.Values(slices.Concat(one, other)))
		return len(one) > 0 && len(other) > 0 && slices.Equal(all, []int32{0, 1, 2, 3})
	}
	if err := until(ctx, "two members share four partitions", isShared); err != nil {
		return err
	}
	count := func() int { return len(first.places()) + len(second.places()) }
	both := plain(topic, "both", 200)
	if err := n.produce(ctx, both, kgo.NoCompression()); err != nil {
		return err
	}
	if err := until(ctx, "both together read all", func() bool { return count() >= 200 }); err != nil {
		return err
	}
	if len(first.places()) == 0 || len(second.places()) == 0 {
		return fmt.Errorf("one of the two read nothing")
	}
	first.leave()
	if err := until(ctx, "the second holds all", hasAll(second)); err != nil {
		return err
	}
	rest := plain(topic, "rest", 100)
	if err := n.produce(ctx, rest, kgo.NoCompression()); err != nil {
		return err
	}
	if err := until(ctx, "the second reads the rest", func() bool { return count() >= 300 }); err != nil {
		return err
	}
	seen := map[place]int{}
	for _, at := range append(first.places(), second.places()...) {
		seen[at]++
	}
	for _, r := range append(both, rest...) {
		if seen[placeOf(r)] != 1 {
			return fmt.Errorf("%v was read %d times", placeOf(r), seen[placeOf(r)])
		}
	}
	return nil
}

// until waits for the condition.
func until(ctx context.Context, what string, holds func() bool) error {
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not in time: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
