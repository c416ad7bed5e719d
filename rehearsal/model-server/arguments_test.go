package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

func TestSplitWordsSplitsAsPythonsShlex(t *testing.T) {
	// Each expectation is what Python 3.11's shlex.split gives.
	for line, expected := range map[string][]string{
		"":                               nil,
		"  --api\t--listen\n":            {"--api", "--listen"},
		`--api-auth 'user:pass word'`:    {"--api-auth", "user:pass word"},
		`--api-auth "a\"b\\c\d$e"`:       {"--api-auth", `a"b\c\d$e`},
		`'a\b'"c"d`:                      {`a\bcd`},
		`a\ b \'c`:                       {"a b", "'c"},
		`'' ""`:                          {"", ""},
		`#a`:                             {"#a"},
		"a\\\nb":                         {"a\nb"},
		"ä\u00a0ö":                       {"ä\u00a0ö"},
		`--gradio-auth="me:x,you:y z" b`: {"--gradio-auth=me:x,you:y z", "b"},
	} {
		words, err := splitWords(line)
		if err != nil || !slices.Equal(words, expected) {
			t.Errorf("%q: %q, %v; expected %q", line, words, err, expected)
		}
	}
	for line, expected := range map[string]string{
		`'a`: "No closing quotation", `a "b`: "No closing quotation", `a\`: "No escaped character", `"a\`: "No escaped character",
	} {
		if words, err := splitWords(line); err == nil || err.Error() != expected {
			t.Errorf("%q: %q, %v; expected %s", line, words, err, expected)
		}
	}
}

func TestSplitWordsGivesBackQuotedWords(t *testing.T) {
	property := func(words []string) bool {
		quoted := make([]string, len(words))
		for index, word := range words {
			words[index] = strings.ToValidUTF8(word, "?")
			quoted[index] = "'" + strings.ReplaceAll(words[index], "'", `'"'"'`) + "'"
		}
		split, err := splitWords(strings.Join(quoted, " "))
		return err == nil && slices.Equal(split, words)
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func TestParseArgumentsReadsFlagsAsArgparse(t *testing.T) {
	words := []string{"--api", "--port", "1", "--port=7861", "--gradio-auth=a:b=c", "--list", "--use-cpu", "all", "clip", "--ckpt", "x.safetensors", "--precision", "full", "-f"}
	parsed, err := parseArguments(words)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"api", "listen"} {
		if !parsed.switches[name] {
			t.Errorf("--%s is off", name)
		}
	}
	for name, expected := range map[string]string{"port": "7861", "gradio-auth": "a:b=c", "ckpt": "x.safetensors"} {
		if parsed.texts[name] != expected {
			t.Errorf("--%s is %q, expected %q", name, parsed.texts[name], expected)
		}
	}
}

func TestParseArgumentsRefusesWithoutShowingValues(t *testing.T) {
	for line, expected := range map[string]string{
		"--api --apiauth u:secret --y=secret": "unrecognized arguments: --apiauth (a value without flag) --y",
		"--port x":                            "argument --port: invalid int value: 'x'",
		"--port":                              "argument --port: expected one argument",
		"--api-auth --api":                    "argument --api-auth: expected one argument",
		"--use-cpu":                           "argument --use-cpu: expected at least one argument",
		"--listen=secret":                     "argument --listen: ignored explicit argument",
		"--no-half-v --nowe --medv":           "ambiguous option: --medv could match --medvram, --medvram-sdxl",
		"--precision double":                  "argument --precision: invalid choice: 'double' (choose from full, half, autocast)",
	} {
		if _, err := parseArguments(strings.Fields(line)); err == nil || err.Error() != expected {
			t.Errorf("%s: %v; expected %s", line, err, expected)
		}
	}
}

func TestReadLogins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte("me:x:y\nyou:z,he:w\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := readLogins(arguments{texts: map[string]string{"api-auth": "a:1,b:2", "gradio-auth": " c:3", "gradio-auth-path": file}})
	if err != nil {
		t.Fatal(err)
	}
	if len(read.api) != 2 || read.api["a"] != "1" || read.api["b"] != "2" {
		t.Errorf("API: %v", read.api)
	}
	if len(read.page) != 4 || read.page["c"] != "3" || read.page["me"] != "x:y" || read.page["you"] != "z" || read.page["he"] != "w" {
		t.Errorf("page: %v", read.page)
	}
	if none, err := readLogins(arguments{}); err != nil || none.api != nil || none.page != nil {
		t.Errorf("without credentials: %v, %v", none, err)
	}
	for name, value := range map[string]string{"api-auth": "user:se:cret", "gradio-auth": "secret", "gradio-auth-path": "/missing"} {
		_, err := readLogins(arguments{texts: map[string]string{name: value}})
		if err == nil || !strings.Contains(err.Error(), "--"+name) && name != "gradio-auth-path" || strings.Contains(err.Error(), "cret") {
			t.Errorf("--%s %s: %v", name, value, err)
		}
	}
}
