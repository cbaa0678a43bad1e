package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/document"
)

func TestTheMembersOfAnObject(t *testing.T) {
	got, err := document.JSON([]byte("\ufeff\n{\"prod/db\": {\"port\" : 5432},\n  \"é\": \"\\u00e9\\n\" , \"a\\u0062\":null}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []document.Member{
		{ID: "prod/db", Value: []byte(`{"port" : 5432}`), At: document.Position{Line: 2, Column: 2}},
		{ID: "é", Value: []byte(`"\u00e9\n"`), At: document.Position{Line: 3, Column: 3}},
		{ID: "ab", Value: []byte("null"), At: document.Position{Line: 3, Column: 21}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var texts []string
	for _, m := range got {
		texts = append(texts, m.Text())
	}
	if diff := cmp.Diff([]string{`{"port" : 5432}`, "é\n", "null"}, texts); diff != "" {
		t.Errorf("the texts (-want +got):\n%s", diff)
	}
	if none, err := document.JSON([]byte(" { } ")); len(none) != 0 || err != nil {
		t.Errorf("an empty object: %v, %v", none, err)
	}
}

func TestTheSecretsOfLines(t *testing.T) {
	const lines = "\ufeff# dev\nprod/a=one\n\nexport B = two words # three\n C='sin gle # '\nD=\"a\\n\\\"b\\\\\" # x\nE=\nF=a#b\nG=#c\r\nexporter=x\n"
	got, err := document.Env([]byte(lines))
	want := map[string]string{
		"prod/a": "one", "B": "two words", "C": "sin gle # ", "D": "a\n\"b\\", "E": "", "F": "a#b", "G": "", "exporter": "x",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAMistakeIsSaidByPositionAndWhatIsExpected(t *testing.T) {
	const value = "this is not JSON; a value is expected: text in double quotes, a number, true, false, null, an object or an array"
	const end = "the JSON ends too early; a value is missing, or a double quote, ] or } that closes one"
	for name, row := range map[string]struct{ json, env, want string }{
		"no JSON at all":          {json: "\n  hunter2", want: "line 2, column 3: a { is expected: the file is to hold a JSON object of secrets by their IDs"},
		"an array":                {json: `["hunter2"]`, want: "line 1, column 1: a { is expected: the file is to hold a JSON object of secrets by their IDs"},
		"nothing":                 {json: "\n", want: "line 2, column 1: a { is expected: the file is to hold a JSON object of secrets by their IDs"},
		"a string for a member":   {json: `{"hunter2"}`, want: "line 1, column 11: a colon is wanted after the key"},
		"a word for a member":     {json: `{hunter2: 1}`, want: "line 1, column 2: a key in double quotes is wanted"},
		"a string for a comma":    {json: `{"a": "x" "hunter2": 1}`, want: "line 1, column 11: a comma or the end of the object is wanted"},
		"a comma at the end":      {json: "{\"é\": 1,\n}", want: "line 2, column 1: a key in double quotes is wanted"},
		"no quotes":               {json: `{"é": hunter2}`, want: "line 1, column 7: " + value},
		"no quotes in an array":   {json: `{"a": [1, hunter2]}`, want: "line 1, column 11: " + value},
		"no comma in an array":    {json: `{"a": [1 "hunter2"]}`, want: "line 1, column 10: a comma or the end of the array is wanted"},
		"no value":                {json: `{"a": }`, want: "line 1, column 7: " + value},
		"an end in a string":      {json: `{"a": "hunter2`, want: "line 1, column 15: " + end},
		"an end after a colon":    {json: "{\"a\":\n", want: "line 2, column 1: " + end},
		"an end after a value":    {json: `{"a": 1`, want: "line 1, column 8: " + end},
		"more":                    {json: `{"a": 1} "hunter2"`, want: "line 1, column 10: there is more behind the JSON value"},
		"an ID twice":             {json: "{\"a\": 1,\n \"\\u0061\": 2}", want: "line 2, column 2: another ID is expected: this one is at line 1, column 2 already"},
		"no =":                    {env: "a=1\n  hunter2 # x", want: "line 2, column 3: ID=VALUE is expected"},
		"no ID":                   {env: "export =hunter2", want: "line 1, column 8: ID=VALUE is expected"},
		"a line's ID twice":       {env: "é=1\n\n export é=hunter2\t\r", want: "line 3, column 9: another ID is expected: this one is in line 1 already"},
		"a quote that stays open": {env: "é = 'hunter2", want: "line 1, column 5: a closing quote is expected in this line"},
		"text after a quote":      {env: "é='hunter2'  3", want: "line 1, column 14: the end of the line or a # is expected after the closing quote"},
		"an escape that is none":  {env: `é="hun\ter\2"`, want: `line 1, column 11: one of n, t, r, " and \ is expected after a backslash; in single quotes a backslash stands for itself`},
		"a backslash at the end":  {env: `é="hunter\`, want: `line 1, column 10: one of n, t, r, " and \ is expected after a backslash; in single quotes a backslash stands for itself`},
		"a key in PEM":            {env: "é=-----BEGIN KEY-----", want: `line 1, column 3: a key or certificate is expected in double quotes, its lines parted by \n`},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if row.env != "" {
				_, err = document.Env([]byte(row.env))
			} else {
				_, err = document.JSON([]byte(row.json))
			}
			if err == nil || err.Error() != row.want {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

// FuzzNoErrorQuotesASecret replaces some bytes of a file with a secret, and cuts the file
// off somewhere.
func FuzzNoErrorQuotesASecret(f *testing.F) {
	const object = `{"prod/db": {"port": 5432, "hosts": ["a", null]}, "prod/key": "a\u00e9", "n": -1.5e3, "on": true}`
	const lines = "# dev\nexport prod/db=one\nB='two' # 2\n\nC=\"th\\nree\"\n"
	for _, file := range []string{object, lines} {
		for at := range len(file) {
			f.Add(file, uint(at), uint(at%3), uint(at*7))
			f.Add(file, uint(at), uint(0), uint(len(file)+99))
		}
	}
	f.Fuzz(func(t *testing.T, file string, at, instead, end uint) {
		for _, secret := range []string{"Zq7!Xw9@Kv3#Jp5$", `Zq7"Xw9\Kv3{Jp5'`, "Zq7:Xw9=Kv3}Jp5,", "Zq7\nXw9\xffKv3\x00Jp5="} {
			at := min(at, uint(len(file)))
			rest := file[at:]
			text := file[:at] + secret + rest[min(instead, uint(len(rest))):]
			for _, content := range []string{text, text[:min(end, uint(len(text)))]} {
				_, jsonErr := document.JSON([]byte(content))
				_, envErr := document.Env([]byte(content))
				for _, err := range []error{jsonErr, envErr} {
					for i := range len(secret) - 3 {
						if err != nil && strings.Contains(err.Error(), secret[i:i+4]) {
							t.Fatalf("the error quotes %q: %v", secret[i:i+4], err)
						}
					}
				}
			}
		}
	})
}
