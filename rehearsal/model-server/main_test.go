package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the program itself when it is started under the interpreter's name.
func TestMain(m *testing.M) {
	if os.Args[0] == "python3" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestUnknownFlagEndsWithStatus2(t *testing.T) {
	for _, given := range []struct {
		arguments, environment []string
		status                 int
		message                string
	}{
		{[]string{"launch.py", "--fancy"}, nil, 2, "launch.py: error: unrecognized arguments: --fancy"},
		{[]string{"launch.py"}, []string{"COMMANDLINE_ARGS=--api --api-auth 'a"}, 1, "No closing quotation"},
		{[]string{"launch.py"}, []string{"COMMANDLINE_ARGS=--api-auth nocolon"}, 1, "--api-auth needs user:password"},
		{[]string{"launch.py"}, []string{"MODEL_SERVER_SIGTERM=no"}, 2, `MODEL_SERVER_SIGTERM is "no": it must be default or ignore`},
		{[]string{"-m", "http.server"}, nil, 2, "runs only launch.py"},
		{nil, nil, 2, "runs only launch.py"},
	} {
		command := program(t, given.environment, given.arguments...)
		output, err := command.CombinedOutput()
		if command.ProcessState.ExitCode() != given.status || !strings.Contains(string(output), given.message) || strings.Contains(string(output), "nocolon") {
			t.Errorf("%v %v: %v, %s", given.environment, given.arguments, err, output)
		}
	}
}

func TestCommandLineArgumentsStayInsideTheProcess(t *testing.T) {
	command, url, log := running(t, program(t, []string{"COMMANDLINE_ARGS=--api --api-auth \"user:pass word\" --port 0"}, "launch.py", "--listen"))
	if status := get(t, url+"/sdapi/v1/options"); status != 401 {
		t.Errorf("without credentials: %d", status)
	}
	if status := get(t, strings.Replace(url, "//", "//user:pass%20word@", 1)+"/sdapi/v1/options"); status != 200 {
		t.Errorf("with credentials: %d", status)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", command.Process.Pid))
	if err != nil || string(line) != "python3\x00launch.py\x00--listen\x00" {
		t.Errorf("command line %q, %v", line, err)
	}
	stop(t, command, syscall.SIGTERM)
	if text := log(); strings.Contains(text, "pass") || strings.Contains(text, "user:") {
		t.Errorf("credentials in the log: %s", text)
	}
}

func TestListenAddress(t *testing.T) {
	for line, expected := range map[string]string{
		"":                          "tcp4 127.0.0.1:7860",
		"--listen":                  "tcp4 0.0.0.0:7860",
		"--listen --port 80":        "tcp4 0.0.0.0:80",
		"--listen --nowebui":        "tcp4 0.0.0.0:7861",
		"--nowebui --port 7860":     "tcp4 127.0.0.1:7860",
		"--listen --server-name ::": "tcp [::]:7860",
	} {
		arguments, err := parseArguments(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		if network, address := listenAddress(arguments); network+" "+address != expected {
			t.Errorf("%s: %s %s, expected %s", line, network, address, expected)
		}
	}
}

func TestPortOpensAfterItsTime(t *testing.T) {
	for flag, opens := range map[string]time.Duration{"--api": 200 * time.Millisecond, "--nowebui": 400 * time.Millisecond} {
		began := time.Now()
		command, url, _ := running(t, program(t, []string{
			"MODEL_SERVER_PORT_OPEN_SECONDS=0.2", "MODEL_SERVER_API_MOUNTED_SECONDS=0.4", "MODEL_SERVER_MODEL_LOADED_SECONDS=60",
		}, "launch.py", flag, "--port", "0"))
		if passed := time.Since(began); passed < opens {
			t.Errorf("%s: open after %s", flag, passed)
		}
		if status := get(t, url+"/stand-in/statistics"); status != 200 {
			t.Errorf("%s: /stand-in/statistics: %d", flag, status)
		}
		stop(t, command, syscall.SIGTERM)
	}
}

func TestChildProcessDiesOfSIGTERM(t *testing.T) {
	command, _, _ := running(t, program(t, nil, "launch.py", "--port", "0"))
	if status := stop(t, command, syscall.SIGTERM); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", status)
	}
}

func TestSIGTERMCanBeIgnored(t *testing.T) {
	command, url, _ := running(t, program(t, []string{"MODEL_SERVER_SIGTERM=ignore"}, "launch.py", "--port", "0"))
	survivesSIGTERM(t, command, url)
}

func TestProcess1IgnoresSIGTERM(t *testing.T) {
	command := program(t, nil, "launch.py", "--port", "0")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	_, url, _ := running(t, command)
	survivesSIGTERM(t, command, url)
}

func TestSIGINTEndsWithStatus0(t *testing.T) {
	command, _, _ := running(t, program(t, nil, "launch.py", "--port", "0"))
	if status := stop(t, command, syscall.SIGINT); !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("ended with %v", status)
	}
}

func survivesSIGTERM(t *testing.T, command *exec.Cmd, url string) {
	t.Helper()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if status := get(t, url+"/"); status != 200 {
			t.Errorf("after SIGTERM: %d", status)
		}
	}
	if status := stop(t, command, syscall.SIGKILL); status.Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v", status)
	}
}

func program(t *testing.T, environment []string, arguments ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	limit, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	command := exec.CommandContext(limit, self, arguments...)
	command.Args[0] = "python3"
	command.Env = environment
	return command
}

var address = regexp.MustCompile(`WebUI on (\S+),`)

// running starts the program and waits until it listens; the log is complete when the program has ended.
func running(t *testing.T, command *exec.Cmd) (*exec.Cmd, string, func() string) {
	t.Helper()
	output, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	found := address.FindStringSubmatch(line)
	if err != nil || found == nil {
		t.Fatalf("it did not start: %q, %v", line, err)
	}
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(reader)
		rest <- line + string(text)
	}()
	return command, "http://" + found[1], func() string { return <-rest }
}

func stop(t *testing.T, command *exec.Cmd, signal syscall.Signal) syscall.WaitStatus {
	t.Helper()
	if err := command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(5*time.Second, func() {
		t.Errorf("%v did not end it within 5 s", signal)
		_ = command.Process.Kill()
	})
	defer deadline.Stop()
	_ = command.Wait() // tells what the state tells too
	return command.ProcessState.Sys().(syscall.WaitStatus)
}

func get(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
