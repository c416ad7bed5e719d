package main

import (
	"strings"
	"testing"
	"time"
)

func TestReadSettings(t *testing.T) {
	read, err := readSettings(func(string) string { return "" })
	expected := settings{serviceFrom: 200 * time.Millisecond, serviceTo: 200 * time.Millisecond, internalPing: true}
	if err != nil || read != expected {
		t.Errorf("defaults: %+v, %v", read, err)
	}
	read, err = readSettings(variables(map[string]string{
		"MODEL_SERVER_PORT_OPEN_SECONDS": "1", "MODEL_SERVER_API_MOUNTED_SECONDS": "2.5", "MODEL_SERVER_MODEL_LOADED_SECONDS": "9",
		"MODEL_SERVER_STAGGER_SECONDS": "0-130", "MODEL_SERVER_SERVICE_SECONDS": "9.9-10.5", "MODEL_SERVER_SIGTERM": "ignore",
		"MODEL_SERVER_INTERNAL_PING": "off",
	}))
	expected = settings{time.Second, 2500 * time.Millisecond, 9 * time.Second, 0, 130 * time.Second, 9900 * time.Millisecond, 10500 * time.Millisecond, true, false}
	if err != nil || read != expected {
		t.Errorf("all set: %+v, %v", read, err)
	}
}

func TestReadSettingsNamesEveryProblem(t *testing.T) {
	values := map[string]string{
		"MODEL_SERVER_PORT_OPEN_SECONDS": "-1", "MODEL_SERVER_API_MOUNTED_SECONDS": "soon", "MODEL_SERVER_MODEL_LOADED_SECONDS": "NaN",
		"MODEL_SERVER_STAGGER_SECONDS": "a-b", "MODEL_SERVER_SERVICE_SECONDS": "5-4", "MODEL_SERVER_SIGTERM": "maybe", "MODEL_SERVER_INTERNAL_PING": "true",
	}
	_, err := readSettings(variables(values))
	if err == nil {
		t.Fatal("accepted")
	}
	for name, value := range values {
		if !strings.Contains(err.Error(), name+` is "`+value+`": it must be `) {
			t.Errorf("%s=%s is not in: %v", name, value, err)
		}
	}
	for _, service := range []string{"-", "1-", "-1", "1-2-3", "3601", "+Inf", "x-1"} {
		if _, err := readSettings(variables(map[string]string{"MODEL_SERVER_SERVICE_SECONDS": service})); err == nil {
			t.Errorf("MODEL_SERVER_SERVICE_SECONDS=%s is accepted", service)
		}
	}
	for _, unordered := range []map[string]string{
		{"MODEL_SERVER_PORT_OPEN_SECONDS": "1"},
		{"MODEL_SERVER_API_MOUNTED_SECONDS": "1"},
	} {
		if _, err := readSettings(variables(unordered)); err == nil || !strings.Contains(err.Error(), "must follow each other") {
			t.Errorf("%v: %v", unordered, err)
		}
	}
}

func TestProcessesStartUnlike(t *testing.T) {
	alike := settings{portOpen: time.Second, apiMounted: 2 * time.Second, modelLoaded: 3 * time.Second}
	if staggered := alike.staggered(); staggered != alike {
		t.Errorf("without a stagger: %+v", staggered)
	}
	unlike := alike
	unlike.staggerFrom, unlike.staggerTo = 10*time.Second, 20*time.Second
	seen := map[time.Duration]bool{}
	for range 10 {
		staggered := unlike.staggered()
		later := staggered.portOpen - alike.portOpen
		if later < 10*time.Second || later > 20*time.Second || staggered.apiMounted-alike.apiMounted != later || staggered.modelLoaded-alike.modelLoaded != later {
			t.Errorf("staggered: %+v", staggered)
		}
		seen[later] = true
	}
	if len(seen) < 2 {
		t.Error("all processes start alike")
	}
}

func variables(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}
