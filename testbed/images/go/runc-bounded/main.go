// runc-bounded stands before runc on a host whose root lacks CAP_SYS_RESOURCE
// (a sandbox, a nested container). Container engines ask for every capability
// they know and for rlimits of their own, and runc refuses what it cannot
// grant. This program lowers such a request to what its own process may hold,
// then becomes runc. Where nothing is missing it changes nothing.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	capability    = "CAP_SYS_RESOURCE"
	capabilityBit = 24
	runc          = "/usr/sbin/runc"
)

// Numbers of the resource limits in the kernel's interface (getrlimit(2)).
var rlimits = map[string]int{
	"RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4,
	"RLIMIT_RSS": 5, "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9,
	"RLIMIT_LOCKS": 10, "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13,
	"RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
}

// bounded reports whether the capability is outside this process's bounding set.
func bounded() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, found := strings.CutPrefix(line, "CapBnd:"); found {
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return err == nil && set&(1<<capabilityBit) == 0
		}
	}
	return false
}

func dropCapability(process map[string]any) {
	sets, _ := process["capabilities"].(map[string]any)
	for name, value := range sets {
		asked, _ := value.([]any)
		kept := make([]any, 0, len(asked))
		for _, c := range asked {
			if c != capability {
				kept = append(kept, c)
			}
		}
		sets[name] = kept
	}
}

// raiseScore keeps the OOM score at or above our own: lowering it needs the capability.
func raiseScore(process map[string]any) {
	number, found := process["oomScoreAdj"].(json.Number)
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if !found || err != nil {
		return
	}
	asked, notWhole := number.Int64()
	own, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if notWhole == nil && err == nil && asked < own {
		process["oomScoreAdj"] = own
	}
}

// clampLimits keeps every limit at or below our own hard one.
func clampLimits(process map[string]any) {
	list, _ := process["rlimits"].([]any)
	for _, entry := range list {
		limit, _ := entry.(map[string]any)
		name, _ := limit["type"].(string)
		number, known := rlimits[name]
		var own syscall.Rlimit
		if !known || syscall.Getrlimit(number, &own) != nil {
			continue
		}
		for _, field := range []string{"hard", "soft"} {
			number, _ := limit[field].(json.Number)
			if asked, err := strconv.ParseUint(number.String(), 10, 64); err == nil && asked > own.Max {
				limit[field] = own.Max
			}
		}
	}
}

// rewrite lowers the process description in file: the file itself, or its member "process".
func rewrite(file string, isBundle bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // "no limit" is a number that a float would round up to one too large
	if err := decoder.Decode(&document); err != nil {
		return err
	}
	process := document
	if isBundle {
		process, _ = document["process"].(map[string]any)
	}
	if process == nil {
		return nil
	}
	dropCapability(process)
	raiseScore(process)
	clampLimits(process)
	text, err = json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func option(args []string, names ...string) string {
	for i, arg := range args {
		for _, name := range names {
			if arg == name && i+1 < len(args) {
				return args[i+1]
			}
			if value, found := strings.CutPrefix(arg, name+"="); found {
				return value
			}
		}
	}
	return ""
}

// adapt finds the file that runc is about to read, by runc's own command line.
func adapt(args []string) error {
	for i, arg := range args {
		switch arg {
		case "create", "run", "restore":
			bundle := option(args[i:], "--bundle", "-b")
			return rewrite(filepath.Join(bundle, "config.json"), true)
		case "exec":
			if file := option(args[i:], "--process", "-p"); file != "" {
				return rewrite(file, false)
			}
			return nil
		}
	}
	return nil
}

func main() {
	if bounded() {
		if err := adapt(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "runc-bounded:", err)
			os.Exit(1)
		}
	}
	err := syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ())
	fmt.Fprintf(os.Stderr, "runc-bounded: %s: %v\n", runc, err)
	os.Exit(1)
}
