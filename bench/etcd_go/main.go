// SPDX-License-Identifier: Apache-2.0

// Puts or linearizable ranges through etcd's own Go client, each client waiting for its answer before it asks again, as
// `benchmark put|range --conns=1 --clients=1` of etcd does. It prints one JSON object: how many answers there were, errors,
// the rate, and the processor time of this very process (user and system) from the first answer on. Other than etcd's tool it
// hands nothing from one goroutine to another on the way, which is less work for each request.
//
// usage: etcd_go -endpoints h:2379[,...] -op put|range [-conns N] [-clients N] [-total N] [-key K] [-value-size N]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/etcd/clientv3"
)

type options struct {
	endpoints string
	op        string
	conns     int
	clients   int
	total     int64
	key       string
	valueSize int
	timeout   time.Duration
}

type result struct {
	Op        string  `json:"op"`
	Requests  int64   `json:"requests"`
	Errors    int64   `json:"errors"`
	Wrong     int64   `json:"wrong"`
	FirstBad  string  `json:"first_error,omitempty"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"requests_per_second"`
	MeanUs    float64 `json:"latency_mean_us"`
	P50Us     float64 `json:"latency_p50_us"`
	P99Us     float64 `json:"latency_p99_us"`
	CPUUs     float64 `json:"client_cpu_us_per_request"`
}

func readOptions() options {
	var o options
	flag.StringVar(&o.endpoints, "endpoints", "127.0.0.1:2379", "where to connect, with commas")
	flag.StringVar(&o.op, "op", "put", "put or range")
	flag.IntVar(&o.conns, "conns", 1, "connections")
	flag.IntVar(&o.clients, "clients", 1, "requests in flight, spread over the connections")
	flag.Int64Var(&o.total, "total", 10000, "requests")
	flag.StringVar(&o.key, "key", "00000000", "the key")
	flag.IntVar(&o.valueSize, "value-size", 256, "bytes of a value")
	flag.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for an answer")
	flag.Parse()
	if (o.op != "put" && o.op != "range") || o.conns < 1 || o.clients < 1 || o.total < 1 || o.valueSize < 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "etcd_go: the arguments make no sense; see -help")
		os.Exit(2)
	}
	return o
}

func cpuNow() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fmt.Fprintln(os.Stderr, "etcd_go: getrusage:", err)
		os.Exit(1)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// ask does one request. good is false if the answer is not what it should be.
func ask(client *clientv3.Client, o *options, value string) (good bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	if o.op == "put" {
		_, err = client.Put(ctx, o.key, value)
		return true, err
	}
	answer, err := client.Get(ctx, o.key)
	return err == nil && len(answer.Kvs) == 1 && len(answer.Kvs[0].Value) == o.valueSize, err
}

func connect(o *options) []*clientv3.Client {
	clients := make([]*clientv3.Client, o.conns)
	for i := range clients {
		client, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(o.endpoints, ","), DialTimeout: o.timeout})
		if err != nil {
			fmt.Fprintln(os.Stderr, "etcd_go: cannot connect:", err)
			os.Exit(1)
		}
		clients[i] = client
	}
	return clients
}

func main() {
	var (
		o       = readOptions()
		value   = strings.Repeat("v", o.valueSize)
		clients = connect(&o)
		out     = result{Op: o.op}
		left    = o.total
		mutex   sync.Mutex
		group   sync.WaitGroup
		all     []time.Duration
	)
	for _, client := range clients {
		if _, err := ask(client, &o, value); err != nil {
			fmt.Fprintln(os.Stderr, "etcd_go: the first request:", err)
			os.Exit(1)
		}
	}
	cpu, start := cpuNow(), time.Now()
	for i := 0; i < o.clients; i++ {
		group.Add(1)
		go func(client *clientv3.Client) {
			defer group.Done()
			took := make([]time.Duration, 0, o.total/int64(o.clients)+1)
			for atomic.AddInt64(&left, -1) >= 0 {
				begin := time.Now()
				good, err := ask(client, &o, value)
				took = append(took, time.Since(begin))
				if err != nil || !good {
					mutex.Lock()
					if err != nil {
						out.Errors++
						out.FirstBad = err.Error()
					} else {
						out.Wrong++
					}
					mutex.Unlock()
				}
			}
			mutex.Lock()
			all = append(all, took...)
			mutex.Unlock()
		}(clients[i%len(clients)])
	}
	group.Wait()
	elapsed, used := time.Since(start), cpuNow()-cpu
	report(&out, all, elapsed, used)
	if out.Errors > 0 || out.Wrong > 0 {
		os.Exit(1)
	}
}

func us(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond)
}

func report(out *result, all []time.Duration, elapsed, used time.Duration) {
	var sum time.Duration
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	for _, d := range all {
		sum += d
	}
	count := len(all)
	out.Requests = int64(count)
	out.Seconds = elapsed.Seconds()
	out.PerSecond = float64(count) / elapsed.Seconds()
	out.MeanUs = us(sum) / float64(count)
	out.P50Us = us(all[count/2])
	out.P99Us = us(all[count*99/100])
	out.CPUUs = us(used) / float64(count)
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, "etcd_go:", err)
		os.Exit(1)
	}
}
