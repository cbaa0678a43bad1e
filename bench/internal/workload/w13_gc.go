package workload

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/secret"
)

const goMap = "go-map"

func collector() Workload {
	row := func(form string) string { return "form=" + form }
	w := Workload{
		Number: 13, Name: "gc", Main: "mark", Units: map[string]string{"mark": "ms of CPU a cycle", "pause": "µs a cycle", "cycle": "ms"},
		What: "Forced collections with 100,000 secrets held, in a process of its own on one core: CPU time of the collector (runtime/metrics), " +
			"pauses, and elapsed time. The Go map holds the same values by ID: secret.Value (with ARN, version ID, stages) for the bytes, " +
			"that and the Creds for the typed.",
		Cases: func(env *Env) (cases []Case) {
			n := env.scale(100_000, 100)
			for _, form := range []string{"bytes", "typed"} {
				cases = append(cases, Case{
					Row: row(form), Contender: goMap, Isolated: true,
					Measure: func(ctx context.Context, env *Env) (Metrics, error) { return mapCycles(ctx, env, n, form == "typed") },
				})
			}
			for _, c := range contender.Named(contender.Names("floor-pointer")...) {
				form := "typed"
				if strings.HasPrefix(c.Name, "typedsecret/") || c.Name == "aws-caching-go" || c.Name == "setec.Secret" {
					form = "bytes"
				}
				cases = append(cases, Case{
					Row: row(form), Contender: c.Name, Isolated: true, Heap: "inuse_objects",
					Measure: func(ctx context.Context, env *Env) (Metrics, error) {
						s, err := c.Open(ctx, contender.Config{Source: new(source.Source), MaxSize: n})
						if err != nil {
							return nil, err
						}
						defer s.Close()
						for i := range n {
							if _, err := s.Get(ctx, ID(i)); err != nil {
								return nil, err
							}
						}
						if err := env.heapProfile(); err != nil {
							return nil, err
						}
						return cycles(env), nil
					},
				})
			}
			return cases
		},
	}
	for _, f := range []struct{ form, who string }{{"bytes", "typedsecret/cache"}, {"typed", contender.Ours}} {
		for _, metric := range []string{"mark", "pause"} {
			w.Targets = append(w.Targets, Target{
				Text: metric + " below the Go map of the same values, " + f.form, AtMost: 1,
				Of:   Key{Row: row(f.form), Contender: f.who, Metric: metric},
				Over: &Key{Row: row(f.form), Contender: goMap, Metric: metric},
				Why:  whyCollector,
			})
		}
	}
	return w
}

const whyCollector = "Ours: what is read without a lock has to be published by a pointer, so a secret is an entry, a snapshot, a slot and a view " +
	"beside its bytes, where the map has the value in its table. The machine's: the pauses are of some microseconds, and differ by 2 or 3."

func mapCycles(ctx context.Context, env *Env, n int, typed bool) (Metrics, error) {
	type both struct {
		secret.Value
		source.Creds
	}
	values, typedValues := map[string]secret.Value{}, map[string]both{}
	load := source.ForCache(new(source.Source))
	loadTyped, err := contender.Named("floor-syncmap")[0].Open(ctx, contender.Config{Source: new(source.Source)})
	if err != nil {
		return nil, err
	}
	for i := range n {
		v, err := load.Fetch(ctx, secret.Ref{ID: ID(i)})
		if err != nil {
			return nil, err
		}
		if !typed {
			values[ID(i)] = v
			continue
		}
		creds, err := loadTyped.Get(ctx, ID(0))
		if err != nil {
			return nil, err
		}
		creds.Username, creds.Password = strings.Clone(creds.Username), strings.Clone(creds.Password)
		creds.Host, creds.Database = strings.Clone(creds.Host), strings.Clone(creds.Database)
		typedValues[ID(i)] = both{v, creds}
	}
	m := cycles(env)
	runtime.KeepAlive(values)
	runtime.KeepAlive(typedValues)
	return m, nil
}

// cycles forces collections, and returns the figures of one of them. It uses one core,
// since with more cores the collector's idle workers would count too.
func cycles(env *Env) Metrics {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	n := env.scale(20, 1)
	runtime.GC()
	var before, after debug.GCStats
	debug.ReadGCStats(&before)
	cpu, began := collectorTime(), time.Now()
	for range n {
		runtime.GC()
	}
	took := time.Since(began)
	debug.ReadGCStats(&after)
	each := float64(n)
	return Metrics{
		"mark":  (collectorTime() - cpu) * 1000 / each,
		"pause": micros(after.PauseTotal-before.PauseTotal) / each,
		"cycle": micros(took) / 1000 / each,
	}
}

// collectorTime returns the CPU time that the collector has used, in seconds.
func collectorTime() float64 {
	s := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64()
}
