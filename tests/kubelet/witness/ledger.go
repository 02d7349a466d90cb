package main

import (
	"encoding/json"
	"os"
	"regexp"
	"time"
)

// One line of the file. Code and Signal are those of an exit, or of a signal that arrived.
type entry struct {
	Namespace   string `json:"ns"`
	Pod         string `json:"pod"`
	PodUID      string `json:"podUID"`
	Container   string `json:"container"`
	ContainerID string `json:"containerID"`
	Role        string `json:"role"`
	Hook        string `json:"hook,omitempty"`
	Event       string `json:"event"`
	Code        *int   `json:"code"`
	Signal      string `json:"signal,omitempty"`
	Path        string `json:"path,omitempty"`
	UnixNano    int64  `json:"unixnano"`
}

type ledger struct {
	file *os.File
	who  entry
}

func openLedger(role, hook string) *ledger {
	path := os.Getenv("WITNESS_LEDGER")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		fail(err.Error())
	}
	return &ledger{file: file, who: entry{
		Namespace:   os.Getenv("WITNESS_NAMESPACE"),
		Pod:         os.Getenv("WITNESS_POD"),
		PodUID:      os.Getenv("WITNESS_POD_UID"),
		Container:   os.Getenv("WITNESS_CONTAINER"),
		ContainerID: containerID(),
		Role:        role,
		Hook:        hook,
	}}
}

func (l *ledger) as(role string) *ledger {
	other := *l
	other.who.Role = role
	return &other
}

// One write of one line: what several processes append to a file does not mix then.
func (l *ledger) write(happened entry) {
	line := l.who
	line.Event, line.Code, line.Signal, line.Path = happened.Event, happened.Code, happened.Signal, happened.Path
	if happened.Hook != "" {
		line.Hook = happened.Hook
	}
	line.UnixNano = time.Now().UnixNano()
	text, _ := json.Marshal(line)
	_, _ = l.file.Write(append(text, '\n'))
}

func (l *ledger) exit(code int, signal string) {
	l.write(entry{Event: "end", Code: &code, Signal: signal})
	os.Exit(code)
}

var identifier = regexp.MustCompile(`[0-9a-f]{64}`)

// Empty where the process sees no more of its cgroup than its own root.
func containerID() string {
	text, _ := os.ReadFile("/proc/self/cgroup")
	return identifier.FindString(string(text))
}
