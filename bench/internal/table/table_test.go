package table_test

import (
	"math"
	"testing"

	"github.com/typedsecret/typedsecret/bench/internal/table"
)

func TestTableIsAligned(t *testing.T) {
	tab := table.Table{Head: []string{"workload", "ns"}}
	tab.Add("warm|get", "1.5")
	tab.Add("kürzer")
	const want = `| workload  | ns  |
| --------- | --- |
| warm\|get | 1.5 |
| kürzer    |     |
`
	if got := tab.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 12: "12", 0.12345: "0.123", 1.234: "1.23", 12.34: "12.3", 123.4: "123",
		1234.5: "1,234", 1234567: "1,234,567", -1234567: "-1,234,567", math.Inf(1): "∞",
	} {
		if got := table.Number(v); got != want {
			t.Errorf("Number(%v) = %q, want %q", v, got, want)
		}
	}
	if got := table.Number(math.NaN()); got != "–" {
		t.Errorf("NaN is written %q", got)
	}
}
