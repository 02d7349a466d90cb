// Command witness is what the pods of the accuracy suite run: a main process, a hook or an HTTP server of a hook. Each of them
// appends what happened to it, with nanoseconds, to a file outside the pod.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: witness main|hook [flags]")
	}
	switch os.Args[1] {
	case "main":
		runMain(os.Args[2:])
	case "hook":
		runHook(os.Args[2:])
	default:
		fail("unknown role: " + os.Args[1])
	}
}

func runMain(arguments []string) {
	flags := flag.NewFlagSet("main", flag.ExitOnError)
	ignore := flags.Bool("ignore", false, "write down each signal and go on")
	delay := flags.Duration("delay", 0, "from the signal to the exit")
	code := flags.Int("code", 0, "exit code after a signal")
	after := flags.Duration("after", 0, "exit without a signal after this time; 0: never")
	afterCode := flags.Int("after-code", 0, "exit code then")
	eat := flags.Int("eat-mib", 0, "memory to take")
	eatAfter := flags.Duration("eat-after", 0, "when to take it")
	eatOn := flags.String("eat-on", "", "take it when this file appears")
	server := flags.String("http", "", "address to serve hooks on")
	once := flags.Bool("once", false, "-after holds for the pod's first instance of the container only")
	_ = flags.Parse(arguments)

	ledger := openLedger("main", "")
	ledger.write(entry{Event: "start"})
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP)
	if *server != "" {
		serve(ledger.as("http"), *server)
	}
	if *eat > 0 {
		go eatWhenDue(ledger, *eat, *eatAfter, *eatOn)
	}
	var due <-chan time.Time
	if *after > 0 && (!*once || isFirstInstance()) {
		due = time.After(*after)
	}
	for {
		select {
		case <-due:
			ledger.exit(*afterCode, "")
		case received := <-signals:
			name := signalName(received)
			ledger.write(entry{Event: "signal", Signal: name})
			if *ignore {
				continue
			}
			time.Sleep(*delay)
			ledger.exit(*code, name)
		}
	}
}

func runHook(arguments []string) {
	flags := flag.NewFlagSet("hook", flag.ExitOnError)
	hook := flags.String("of", "", "PreStop or PostStart")
	sleep := flags.Duration("sleep", 0, "how long it takes")
	code := flags.Int("code", 0, "exit code")
	eat := flags.Int("eat-mib", 0, "memory to take after the sleep")
	touch := flags.String("touch", "", "make this file before the sleep")
	stopMain := flags.String("stop-main", "", "signal for the main process before the sleep: TERM, KILL or USR1")
	_ = flags.Parse(arguments)

	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	ledger := openLedger("hook", *hook)
	ledger.write(entry{Event: "start"})
	if *touch != "" {
		_ = os.WriteFile(*touch, nil, 0o644)
	}
	if number, known := signalNumbers[*stopMain]; known {
		_ = syscall.Kill(1, number)
	}
	time.Sleep(*sleep)
	if *eat > 0 {
		ledger.write(entry{Event: "eat"})
		keep(take(*eat))
	}
	ledger.exit(*code, "")
}

func eatWhenDue(ledger *ledger, mebibytes int, after time.Duration, file string) {
	time.Sleep(after)
	for file != "" {
		if _, err := os.Stat(file); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	ledger.write(entry{Event: "eat"})
	keep(take(mebibytes))
}

func take(mebibytes int) [][]byte {
	var taken [][]byte
	for range mebibytes {
		block := make([]byte, 1<<20)
		for at := 0; at < len(block); at += 4096 {
			block[at] = 1
		}
		taken = append(taken, block)
	}
	return taken
}

func keep(taken [][]byte) {
	time.Sleep(time.Second)
	_ = taken[len(taken)-1][0]
}

// An emptyDir at /scratch outlives the container and ends with the pod.
func isFirstInstance() bool {
	mark := "/scratch/" + os.Getenv("WITNESS_CONTAINER")
	_, err := os.Stat(mark)
	_ = os.WriteFile(mark, nil, 0o644)
	return os.IsNotExist(err)
}

var signalNumbers = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "USR1": syscall.SIGUSR1}

func signalName(received os.Signal) string {
	names := map[os.Signal]string{
		syscall.SIGTERM: "TERM", syscall.SIGINT: "INT", syscall.SIGQUIT: "QUIT",
		syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2", syscall.SIGHUP: "HUP",
	}
	return names[received]
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "witness: "+strings.TrimSpace(message))
	os.Exit(64)
}
