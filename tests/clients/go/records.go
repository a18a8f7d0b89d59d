package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type codec struct {
	name string
	kgo  kgo.CompressionCodec
}

var codecs = []codec{
	{"none", kgo.NoCompression()},
	{"gzip", kgo.GzipCompression()},
	{"snappy", kgo.SnappyCompression()},
	{"lz4", kgo.Lz4Compression()},
	{"zstd", kgo.ZstdCompression()},
}

// place is where a record was written.
type place struct {
	partition int32
	offset    int64
}

func placeOf(r *kgo.Record) place { return place{r.Partition, r.Offset} }

// sample has every odd shape that a record may have: no key, empty and large values, tombstones, one header name twice.
func sample(topic string) []*kgo.Record {
	chance := rand.New(rand.NewSource(1))
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	var records []*kgo.Record
	for i := range 300 {
		r := &kgo.Record{Topic: topic, Timestamp: base.Add(time.Duration(i*10-i%5*300) * time.Millisecond)}
		if i%7 != 3 {
			r.Key = fmt.Appendf(nil, "key-%d", i%13)
		}
		switch {
		case i%50 == 49: // a tombstone
		case i%20 == 10:
			r.Value = []byte{}
		case i%60 == 30:
			r.Value = make([]byte, 20_000)
			chance.Read(r.Value)
		default:
			r.Value = bytes.Repeat(fmt.Appendf(nil, "value %d \xff\x00 ", i), 1+i%9)
		}
		if i%3 == 0 {
			r.Headers = []kgo.RecordHeader{{Key: "trace", Value: []byte{0, 255}}, {Key: "trace", Value: []byte("again")}, {Key: "nothing"}}
		}
		records = append(records, r)
	}
	return records
}

// plain are small records, one second apart.
func plain(topic, tag string, count int) []*kgo.Record {
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	var records []*kgo.Record
	for i := range count {
		records = append(records, &kgo.Record{
			Topic: topic, Key: fmt.Appendf(nil, "k%d", i%17), Value: fmt.Appendf(nil, "%s-%d", tag, i),
			Timestamp: base.Add(time.Duration(i) * time.Second),
		})
	}
	return records
}

// difference says in what two records differ, or nothing. A null is not an empty value.
func difference(sent, found *kgo.Record) string {
	switch {
	case !sameBytes(sent.Key, found.Key):
		return fmt.Sprintf("key %q, sent was %q", found.Key, sent.Key)
	case !sameBytes(sent.Value, found.Value):
		return fmt.Sprintf("value %.80q, sent was %.80q", found.Value, sent.Value)
	case !sent.Timestamp.Equal(found.Timestamp):
		return fmt.Sprintf("timestamp %v, sent was %v", found.Timestamp, sent.Timestamp)
	case len(sent.Headers) != len(found.Headers):
		return fmt.Sprintf("%d headers, sent were %d", len(found.Headers), len(sent.Headers))
	}
	for i, header := range sent.Headers {
		if header.Key != found.Headers[i].Key || !sameBytes(header.Value, found.Headers[i].Value) {
			return fmt.Sprintf("header %v, sent was %v", found.Headers[i], header)
		}
	}
	return ""
}

func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
