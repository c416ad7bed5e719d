// A CPU stand-in of the AUTOMATIC1111 Stable Diffusion WebUI: its command line, its start-up, its
// authentication and its API, with drawn patterns in place of diffusion. README.md says what it does
// not cover.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	started := time.Now()
	if len(os.Args) < 2 || filepath.Base(os.Args[1]) != "launch.py" {
		fail(2, "This python3 is a stand-in of the Stable Diffusion WebUI: it runs only launch.py.")
	}
	flags, err := flagsFromEnvironment()
	if err != nil {
		fail(1, "ValueError: COMMANDLINE_ARGS: "+err.Error())
	}
	arguments, err := parseArguments(append(os.Args[2:], flags...))
	if err != nil {
		fail(2, "launch.py: error: "+err.Error())
	}
	logins, err := readLogins(arguments)
	if err != nil {
		fail(1, err.Error())
	}
	settings, err := readSettings(os.Getenv)
	if err != nil {
		fail(2, err.Error())
	}
	pod, err := os.Hostname()
	if err != nil {
		fail(1, err.Error())
	}
	handleSignals(settings)
	// As launch.py does, credentials included: whoever runs it must keep them out of the container's log.
	fmt.Println("Launching Web UI with arguments:", strings.Join(append(os.Args[2:], flags...), " "))
	stopsAbandoned, err := loadExtensions(arguments)
	if err != nil {
		fail(1, err.Error())
	}
	serve(arguments, newServer(arguments, logins, settings.staggered(), started, pod, stopsAbandoned))
}

func fail(status int, message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(status)
}

// handleSignals imitates Python with the WebUI's handlers: SIGINT ends it at once with status 0. SIGTERM
// has no handler, so it ends the process at once too, except as process 1 of a container, to which the
// kernel does not deliver signals without a handler. The Go runtime always has one, hence the Ignore.
func handleSignals(settings settings) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		<-interrupts
		fmt.Println("Interrupted with signal 2")
		os.Exit(0)
	}()
	if settings.ignoreTerminate || os.Getpid() == 1 {
		signal.Ignore(syscall.SIGTERM)
	}
}

func serve(arguments arguments, server *server) {
	opens := server.settings.portOpen
	if arguments.switches["nowebui"] {
		// Without the page, the server is started when it has its API, not before.
		opens = server.settings.apiMounted
	}
	time.Sleep(time.Until(server.started.Add(opens)))
	listener, err := net.Listen(listenAddress(arguments))
	if err != nil {
		fail(1, "OSError: "+err.Error())
	}
	log.Printf("Stand-in of the Stable Diffusion WebUI on %s, %d users of the API, %d of the page",
		listener.Addr(), len(server.apiLogins), len(server.pageLogins))
	log.Fatal((&http.Server{Handler: server, ReadHeaderTimeout: time.Minute}).Serve(listener))
}

func listenAddress(arguments arguments) (network, address string) {
	port := arguments.texts["port"]
	if port == "" && arguments.switches["nowebui"] {
		port = "7861"
	} else if port == "" {
		port = "7860"
	}
	if name := arguments.texts["server-name"]; name != "" {
		return "tcp", net.JoinHostPort(name, port)
	}
	// The WebUI's own two addresses are of IPv4 only.
	if arguments.switches["listen"] {
		return "tcp4", "0.0.0.0:" + port
	}
	return "tcp4", "127.0.0.1:" + port
}
