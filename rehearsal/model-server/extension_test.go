package main

import (
	"bytes"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKnownExtensionIsTheOneOfTheProgram(t *testing.T) {
	source, err := os.ReadFile("../../components/abandoned-requests/abandoned_requests.py")
	if err != nil {
		t.Fatal(err)
	}
	for name, given := range map[string]struct {
		content, folder string
		words           []string
		expected        bool
		said            string
	}{
		"it":                     {string(source), "extensions", nil, true, "abandoned_requests.py is not run; the stand-in acts as it does"},
		"in the data folder":     {string(source), "data/extensions", []string{"--data-dir", "data"}, true, "the stand-in acts as it does"},
		"beside the data folder": {string(source), "extensions", []string{"--data-dir", "data"}, false, ""},
		"another version":        {string(source) + "#", "extensions", nil, false, "it does not know it"},
		"no extensions":          {string(source), "extensions", []string{"--disable-all-extensions"}, false, ""},
		"only the WebUI's own":   {string(source), "extensions", []string{"--disable-extra-extensions"}, false, ""},
		"none":                   {"", "extensions", nil, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if given.content != "" {
				// As the program puts it there: a link to a volume.
				if err := os.MkdirAll("volume/scripts", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile("volume/scripts/abandoned_requests.py", []byte(given.content), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(given.folder, 0o755); err != nil {
					t.Fatal(err)
				}
				volume, err := filepath.Abs("volume")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(volume, filepath.Join(given.folder, "abandoned-requests")); err != nil {
					t.Fatal(err)
				}
			}
			var said bytes.Buffer
			log.SetOutput(&said)
			defer log.SetOutput(os.Stderr)
			arguments, err := parseArguments(given.words)
			if err != nil {
				t.Fatal(err)
			}
			found, err := loadExtensions(arguments)
			if err != nil || found != given.expected || !strings.Contains(said.String(), given.said) || given.said == "" && said.Len() > 0 {
				t.Errorf("%t, %v, said %q", found, err, said.String())
			}
		})
	}
}
