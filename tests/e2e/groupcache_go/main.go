// SPDX-License-Identifier: Apache-2.0

// A member of a pool of Go's groupcache, with the real library: one HTTPPool and one group. Beside what the library serves
// below /_groupcache/ there are
//
//	GET  /get?key=K   the value of K, through the group, wherever it is loaded
//	GET  /counters    the group's counters, how often each key was loaded here, and the processor time, as JSON
//	POST /peers       {"peers": [URL...], "dial": {"HOST:PORT": "HOST:PORT"...}}: the pool, in this order, and where to
//	                  connect instead of to the host of a URL
//
// A key is loaded from -origin URL, as URL/K, or made here, after -sleep. Built with GO111MODULE=off and
// GOPATH=/usr/share/gocode.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/golang/groupcache"
)

const basePath = "/_groupcache/"

type options struct {
	listen      string
	addressFile string
	self        string
	group       string
	replicas    int
	cacheBytes  int64
	origin      string
	sleep       time.Duration
	valueSize   int
	mux         bool
}

func readOptions() options {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "where to listen")
	flag.StringVar(&o.addressFile, "address-file", "", "a file for the address, once it listens")
	flag.StringVar(&o.self, "url", "", "the base URL by which the pool knows this member (default: http://ADDRESS)")
	flag.StringVar(&o.group, "group", "g", "the group")
	flag.IntVar(&o.replicas, "replicas", 50, "points of each member on the ring")
	flag.Int64Var(&o.cacheBytes, "cache-bytes", 64<<20, "what the group may keep")
	flag.StringVar(&o.origin, "origin", "", "where keys are loaded from")
	flag.DurationVar(&o.sleep, "sleep", 0, "how long making a value takes")
	flag.IntVar(&o.valueSize, "value-size", 0, "bytes of a value that is made here, at least")
	flag.BoolVar(&o.mux, "mux", false, "serve through a ServeMux, as NewHTTPPool does")
	flag.Parse()
	if flag.NArg() > 0 {
		fail("the arguments make no sense; see -help")
	}
	return o
}

func fail(words ...interface{}) {
	fmt.Fprintln(os.Stderr, append([]interface{}{"groupcache_go:"}, words...)...)
	os.Exit(1)
}

// Where the values come from, and how often.
type source struct {
	options options
	client  *http.Client
	mu      sync.Mutex
	loads   map[string]int64
}

func (s *source) load(ctx context.Context, key string, dest groupcache.Sink) error {
	s.mu.Lock()
	s.loads[key]++
	s.mu.Unlock()
	if s.options.origin != "" {
		return s.fetch(ctx, key, dest)
	}
	select {
	case <-time.After(s.options.sleep):
	case <-ctx.Done():
		return ctx.Err()
	}
	value := "value of " + key
	if missing := s.options.valueSize - len(value); missing > 0 {
		value += strings.Repeat(".", missing)
	}
	return dest.SetString(value)
}

func (s *source) fetch(ctx context.Context, key string, dest groupcache.Sink) error {
	request, err := http.NewRequest("GET", s.options.origin+"/"+key, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request.WithContext(ctx))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the origin answered %v", response.Status)
	}
	return dest.SetBytes(body)
}

// The loads of each key, escaped, since JSON has no names that are any bytes.
func (s *source) counted() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	loads := make(map[string]int64, len(s.loads))
	for key, count := range s.loads {
		loads[url.QueryEscape(key)] = count
	}
	return loads
}

// Connects to where it was told in place of a URL's host.
type dialer struct {
	mu      sync.RWMutex
	instead map[string]string
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.RLock()
	if other, ok := d.instead[address]; ok {
		address = other
	}
	d.mu.RUnlock()
	var plain net.Dialer
	return plain.DialContext(ctx, network, address)
}

type member struct {
	pool   *groupcache.HTTPPool
	group  *groupcache.Group
	source *source
	dialer *dialer
}

func (m *member) get(w http.ResponseWriter, r *http.Request) {
	var value groupcache.ByteView
	if err := m.group.Get(r.Context(), r.URL.Query().Get("key"), groupcache.ByteViewSink(&value)); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(value.Len()))
	value.WriteTo(w)
}

func (m *member) counters(w http.ResponseWriter, r *http.Request) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	stats := &m.group.Stats
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]interface{}{
		"gets":            stats.Gets.Get(),
		"cache_hits":      stats.CacheHits.Get(),
		"peer_loads":      stats.PeerLoads.Get(),
		"peer_errors":     stats.PeerErrors.Get(),
		"loads":           stats.Loads.Get(),
		"loads_deduped":   stats.LoadsDeduped.Get(),
		"local_loads":     stats.LocalLoads.Get(),
		"local_load_errs": stats.LocalLoadErrs.Get(),
		"server_requests": stats.ServerRequests.Get(),
		"loads_of":        m.source.counted(),
		"cpu_us":          (usage.Utime.Nano() + usage.Stime.Nano()) / 1000,
	})
}

func (m *member) peers(w http.ResponseWriter, r *http.Request) {
	var told struct {
		Peers []string          `json:"peers"`
		Dial  map[string]string `json:"dial"`
	}
	if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m.dialer.mu.Lock()
	m.dialer.instead = told.Dial
	m.dialer.mu.Unlock()
	m.pool.Set(told.Peers...)
	w.WriteHeader(http.StatusNoContent)
}

// What the path says, without a ServeMux, which would answer a path with "//" in it with a redirect.
func (m *member) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, basePath):
		m.pool.ServeHTTP(w, r)
	case r.URL.Path == "/get" && r.Method == "GET":
		m.get(w, r)
	case r.URL.Path == "/counters" && r.Method == "GET":
		m.counters(w, r)
	case r.URL.Path == "/peers" && r.Method == "POST":
		m.peers(w, r)
	default:
		http.NotFound(w, r)
	}
}

func newMember(o options) *member {
	dialer := &dialer{}
	transport := &http.Transport{DialContext: dialer.dial, MaxIdleConnsPerHost: 256}
	pool := groupcache.NewHTTPPoolOpts(o.self, &groupcache.HTTPPoolOptions{BasePath: basePath, Replicas: o.replicas})
	pool.Transport = func(context.Context) http.RoundTripper { return transport }
	source := &source{options: o, loads: map[string]int64{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	return &member{pool, groupcache.NewGroup(o.group, o.cacheBytes, groupcache.GetterFunc(source.load)), source, dialer}
}

// Whoever waits for the file sees it whole.
func writeAddress(file, address string) {
	if err := os.WriteFile(file+".new", []byte(address+"\n"), 0o600); err != nil {
		fail(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		fail(err)
	}
}

func main() {
	o := readOptions()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		fail(err)
	}
	address := listener.Addr().String()
	if o.self == "" {
		o.self = "http://" + address
	}
	var handler http.Handler = newMember(o)
	if o.mux {
		mux := http.NewServeMux()
		mux.Handle("/", handler)
		handler = mux
	}
	if o.addressFile != "" {
		writeAddress(o.addressFile, address)
	}
	fail(http.Serve(listener, handler))
}
