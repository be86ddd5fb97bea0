// Command server is a service for tests. What it does wrong, MODE says.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	fmt.Println("starting", os.Getenv("VERSION"))
	if path := os.Getenv("COUNT"); path != "" {
		appendTo(filepath.Join(os.Getenv("DATA_DIR"), path), "x")
	}
	switch os.Getenv("MODE") {
	case "exit":
		fmt.Println("cannot find the \x1b[31mconfiguration\x1b[0m")
		os.Exit(3)
	case "silent":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "sleep": // what /fork starts
		time.Sleep(time.Hour)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	check(err)
	s := &http.Server{Handler: handler(), ReadHeaderTimeout: time.Second, IdleTimeout: 50 * time.Millisecond}
	go func() { _ = s.Serve(l) }()
	<-ctx.Done()
	check(s.Shutdown(context.Background()))
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("MODE") == "broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, os.Getenv("VERSION"))
	})
	mux.HandleFunc("/health", health)
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{"header": r.Header, "host": r.Host, "uri": r.RequestURI})
	})
	mux.HandleFunc("/process", func(w http.ResponseWriter, r *http.Request) {
		wd, _ := os.Getwd()
		reply(w, map[string]any{"env": os.Environ(), "args": os.Args, "wd": wd, "uid": os.Getuid(), "gid": os.Getgid(), "pid": os.Getpid()})
	})
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/upgrade", upgrade)
	mux.HandleFunc("/fork", fork)
	mux.HandleFunc("/attack", attack)
	mux.HandleFunc("/noise", func(w http.ResponseWriter, r *http.Request) {
		line := strings.Repeat("n", 1023) + "\n"
		for range 12 << 10 {
			_, _ = io.WriteString(os.Stdout, line)
		}
	})
	mux.HandleFunc("/data", func(w http.ResponseWriter, r *http.Request) {
		path := filepath.Join(os.Getenv("DATA_DIR"), "file")
		appendTo(path, r.FormValue("text"))
		data, err := os.ReadFile(path)
		check(err)
		_, _ = w.Write(data)
	})
	return mux
}

func health(w http.ResponseWriter, r *http.Request) {
	switch os.Getenv("MODE") {
	case "sick":
		http.Error(w, "no database", http.StatusServiceUnavailable)
	case "plain", "broken":
		http.NotFound(w, r)
	case "hang":
		<-r.Context().Done()
	}
}

func slow(w http.ResponseWriter, r *http.Request) {
	ms, err := strconv.Atoi(r.FormValue("ms"))
	check(err)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	time.Sleep(time.Duration(ms) * time.Millisecond)
	fmt.Fprint(w, os.Getenv("VERSION"))
}

// stream sends a line for each that it gets.
func stream(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	check(c.EnableFullDuplex())
	w.Header().Set("Content-Type", "text/event-stream")
	check(c.Flush())
	buf := make([]byte, 64)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			_, _ = w.Write(buf[:n])
			check(c.Flush())
		}
		if err != nil {
			return
		}
	}
}

// upgrade echoes over a connection that is no longer HTTP.
func upgrade(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	check(err)
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.Copy(conn, rw)
}

// attack tries something that a service has no business with, and tells what
// keeps it from it.
func attack(w http.ResponseWriter, r *http.Request) {
	path := r.FormValue("path")
	var err error
	switch r.FormValue("what") {
	case "read":
		_, err = os.ReadFile(path)
	case "write":
		err = os.WriteFile(filepath.Join(path, "written"), nil, 0o600)
	case "dial":
		_, err = net.Dial("unix", path)
	case "kill":
		var pid int
		pid, err = strconv.Atoi(path)
		check(err)
		err = syscall.Kill(pid, 0)
	case "mount":
		err = syscall.Mount("none", path, "tmpfs", 0, "")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
	}
}

func fork(w http.ResponseWriter, r *http.Request) {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), "MODE=sleep")
	c.Stdout = os.Stdout
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: r.FormValue("session") != ""}
	check(c.Start())
	fmt.Fprint(w, c.Process.Pid)
}

func appendTo(path, text string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(err)
	_, err = f.WriteString(text)
	check(err)
	check(f.Close())
}

func reply(w http.ResponseWriter, v any) { check(json.NewEncoder(w).Encode(v)) }

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
