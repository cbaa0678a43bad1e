package secretvet

import "testing"

func TestWithin(t *testing.T) {
	tests := []struct {
		name, data, reader, rest, beyond string
		ok                               bool
	}{
		{"the same", ".A", ".A", "", "", true},
		{"a part of what is read", ".A.B", ".A", ".B", "", true},
		{"the whole of what is read", "", ".A.B", "", ".A.B", true},
		{"larger than what is read", ".A", ".A.B", "", ".B", true},
		{"elsewhere", ".A", ".B", "", "", false},
		{"any element", "[]", "[user]", "", "", true},
		{"some element", "[user]", "[]", "", "", true},
		{"another element", "[user]", "[password]", "", "", false},
		{"a field is no element", ".A", "[]", "", "", false},
		{"a key is no element", "[]", keysPath, "", "", false},
		{"an element is no key", keysPath, "[]", "", "", false},
		{"deep in an element", "[].A.B", "[0].A", ".B", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rest, beyond, ok := within(tt.data, tt.reader)
			if rest != tt.rest || beyond != tt.beyond || ok != tt.ok {
				t.Errorf("within(%q, %q) = %q, %q, %t", tt.data, tt.reader, rest, beyond, ok)
			}
		})
	}
}

func TestJoinBounds(t *testing.T) {
	if got := join(".A.B", ".C.D.E"); got != ".A.B.C.D" {
		t.Errorf("join: %q", got)
	}
	if got := join("", ".A"); got != ".A" {
		t.Errorf("join: %q", got)
	}
}

func TestVerbs(t *testing.T) {
	tests := map[string]string{
		"%s and %-10.3v": "sv",
		"100%% %T":       "T",
		"%+v %#x":        "vx",
		"%*d":            "", // not known
		"%[2]s":          "", // not known
		"no verb":        "",
		"ends with %":    "",
	}
	for format, want := range tests {
		if got := string(parseVerbs(format)); got != want {
			t.Errorf("verbs of %q: %q, want %q", format, got, want)
		}
	}
}

func TestPlainPath(t *testing.T) {
	for p, want := range map[string]string{
		"k8s.io/klog/v2": "k8s.io/klog",
		"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache": "github.com/aws/aws-secretsmanager-caching-go/secretcache",
		"github.com/aws/aws-sdk-go-v2/aws":                            "github.com/aws/aws-sdk-go-v2/aws",
		"example.com/m_test":                                          "example.com/m",
	} {
		if got := plainPath(p); got != want {
			t.Errorf("plainPath(%q) = %q, want %q", p, got, want)
		}
	}
}
