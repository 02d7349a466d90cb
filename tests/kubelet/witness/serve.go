package main

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Answers hooks by their path: /ok, /500, /slow/SECONDS, /hang and /reset/SECONDS. The first element says which hook it is:
// /PreStop/hang. The lines of a remote server name the server's pod and the asking pod's path.
func serve(ledger *ledger, address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fail(err.Error())
	}
	handler := func(answer http.ResponseWriter, request *http.Request) {
		ledger.write(entry{Event: "start", Path: request.URL.Path})
		code := answerAs(answer, request)
		event := "end"
		if request.Context().Err() != nil {
			event = "abandoned"
		}
		ledger.write(entry{Event: event, Path: request.URL.Path, Code: &code})
	}
	go func() { _ = http.Serve(listener, http.HandlerFunc(handler)) }()
}

func answerAs(answer http.ResponseWriter, request *http.Request) int {
	kind, seconds := kindOf(request.URL.Path)
	switch kind {
	case "500":
		answer.WriteHeader(http.StatusInternalServerError)
		return http.StatusInternalServerError
	case "slow":
		wait(request, seconds)
	case "hang":
		wait(request, 24*time.Hour)
	case "reset":
		wait(request, seconds)
		if hijacker, can := answer.(http.Hijacker); can {
			connection, _, _ := hijacker.Hijack()
			_ = connection.(*net.TCPConn).SetLinger(0)
			_ = connection.Close()
		}
		return 0
	}
	return http.StatusOK
}

func wait(request *http.Request, long time.Duration) {
	select {
	case <-request.Context().Done():
	case <-time.After(long):
	}
}

func kindOf(path string) (kind string, seconds time.Duration) {
	elements := append(strings.Split(strings.Trim(path, "/"), "/"), "", "")
	number, _ := strconv.Atoi(elements[2])
	return elements[1], time.Duration(number) * time.Second
}
