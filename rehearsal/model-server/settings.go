package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// settings are the stand-in's own, from variables of the environment called MODEL_SERVER_….
type settings struct {
	// Time from the start of the process to the end of each phase of the start-up.
	portOpen, apiMounted, modelLoaded time.Duration
	// A time between these is added to all of them, once for the process.
	staggerFrom, staggerTo time.Duration
	// One image takes a time between these.
	serviceFrom, serviceTo time.Duration
	ignoreTerminate        bool
	internalPing           bool
}

// readSettings reads all settings and reports everything that is wrong with them in one error.
func readSettings(getenv func(string) string) (settings, error) {
	var read settings
	var problems []error
	refuse := func(name, allowed string) {
		problems = append(problems, fmt.Errorf("%s is %q: it must be %s", name, getenv(name), allowed))
	}
	phase := func(name string) time.Duration {
		duration, ok := parseSeconds(getenv(name), "0")
		if !ok {
			refuse(name, "seconds from 0 to 3600")
		}
		return duration
	}
	choice := func(name, first, second string) bool {
		value := getenv(name)
		if value != "" && value != first && value != second {
			refuse(name, first+" or "+second)
		}
		return value == second
	}

	read.portOpen = phase("MODEL_SERVER_PORT_OPEN_SECONDS")
	read.apiMounted = phase("MODEL_SERVER_API_MOUNTED_SECONDS")
	read.modelLoaded = phase("MODEL_SERVER_MODEL_LOADED_SECONDS")
	span := func(name, byDefault string) (time.Duration, time.Duration) {
		from, to, isRange := strings.Cut(getenv(name), "-")
		if !isRange {
			to = from
		}
		least, leastIsValid := parseSeconds(from, byDefault)
		most, mostIsValid := parseSeconds(to, byDefault)
		if !leastIsValid || !mostIsValid || isRange && (from == "" || to == "") || least > most {
			refuse(name, "seconds from 0 to 3600, or a range of them such as 9.9-10.5")
		}
		return least, most
	}
	read.staggerFrom, read.staggerTo = span("MODEL_SERVER_STAGGER_SECONDS", "0")
	read.serviceFrom, read.serviceTo = span("MODEL_SERVER_SERVICE_SECONDS", "0.2")
	read.ignoreTerminate = choice("MODEL_SERVER_SIGTERM", "default", "ignore")
	read.internalPing = !choice("MODEL_SERVER_INTERNAL_PING", "on", "off")
	if len(problems) == 0 && (read.portOpen > read.apiMounted || read.apiMounted > read.modelLoaded) {
		problems = append(problems, fmt.Errorf(
			"the phases of the start-up must follow each other: MODEL_SERVER_PORT_OPEN_SECONDS (%g) ≤ "+
				"MODEL_SERVER_API_MOUNTED_SECONDS (%g) ≤ MODEL_SERVER_MODEL_LOADED_SECONDS (%g), each counted from the start",
			read.portOpen.Seconds(), read.apiMounted.Seconds(), read.modelLoaded.Seconds()))
	}
	return read, errors.Join(problems...)
}

// staggered are the settings of one process among several that do not start alike.
func (settings settings) staggered() settings {
	later := between(settings.staggerFrom, settings.staggerTo)
	settings.portOpen += later
	settings.apiMounted += later
	settings.modelLoaded += later
	return settings
}

// between is a time of a range, both ends included.
func between(from, to time.Duration) time.Duration { return from + rand.N(to-from+1) }

func parseSeconds(text, byDefault string) (time.Duration, bool) {
	if text == "" {
		text = byDefault
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= 3600) {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}
