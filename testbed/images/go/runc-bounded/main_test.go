package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const untouched = `{"process":{"args":["sh"],"capabilities":{"bounding":["CAP_KILL"]}},"linux":{"resources":{"memory":{"limit":9223372036854771712}}}}`

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// same compares JSON with every number as it is written.
func same(t *testing.T, file, wanted string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoded := func(text string) any {
		var value any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	if !reflect.DeepEqual(decoded(string(text)), decoded(wanted)) {
		t.Errorf("got %s, wanted %s", text, wanted)
	}
}

func ownScore(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return score
}

func TestRewrite(t *testing.T) {
	const most = 1 << 20
	if err := syscall.Setrlimit(rlimits["RLIMIT_CORE"], &syscall.Rlimit{Cur: 0, Max: most}); err != nil {
		t.Skip("the hard limit of this process is lower still: ", err)
	}
	own := ownScore(t)
	score := func(value int) string { return `{"process":{"oomScoreAdj":` + strconv.Itoa(value) + `}}` }
	limit := func(kind, hard, soft string) string {
		return `{"process":{"rlimits":[{"type":"` + kind + `","hard":` + hard + `,"soft":` + soft + `}]}}`
	}
	cases := []struct{ name, config, wanted string }{
		{
			"the capability goes from every set",
			`{"process":{"capabilities":{"bounding":["CAP_KILL","CAP_SYS_RESOURCE","CAP_CHOWN"],"effective":["CAP_SYS_RESOURCE"]}}}`,
			`{"process":{"capabilities":{"bounding":["CAP_KILL","CAP_CHOWN"],"effective":[]}}}`,
		},
		{"what asks for nothing of it is kept, large numbers too", untouched, untouched},
		{"a lower score is raised to our own", score(own - 1), score(own)},
		{"a higher score is kept", score(own + 1), score(own + 1)},
		{"limits above our own are lowered", limit("RLIMIT_CORE", "1048577", "1048577"), limit("RLIMIT_CORE", "1048576", "1048576")},
		{"limits at our own are kept", limit("RLIMIT_CORE", "1048576", "0"), limit("RLIMIT_CORE", "1048576", "0")},
		{"the soft limit may be lower", limit("RLIMIT_CORE", "9999999", "5"), limit("RLIMIT_CORE", "1048576", "5")},
		{"no limit at all is lowered too", limit("RLIMIT_CORE", "18446744073709551615", "18446744073709551615"), limit("RLIMIT_CORE", "1048576", "1048576")},
		{"a limit of an unknown kind is kept to the digit", limit("RLIMIT_NEW", "18446744073709551615", "1"), limit("RLIMIT_NEW", "18446744073709551615", "1")},
		{"a configuration without a process", `{"ociVersion":"1.2.0"}`, `{"ociVersion":"1.2.0"}`},
		{"a process without any of it", `{"process":{"cwd":"/"}}`, `{"process":{"cwd":"/"}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, c.config)
			if err := rewrite(file, true); err != nil {
				t.Fatal(err)
			}
			same(t, file, c.wanted)
		})
	}
}

func TestRewriteRefusesWhatIsNoConfiguration(t *testing.T) {
	if err := rewrite(write(t, "{"), true); err == nil {
		t.Error("half a document was taken")
	}
	if err := rewrite(filepath.Join(t.TempDir(), "absent"), true); err == nil {
		t.Error("an absent file was taken")
	}
}

func TestAdaptFindsTheFileThatRuncWillRead(t *testing.T) {
	const (
		set     = `{"capabilities":{"bounding":["CAP_SYS_RESOURCE"]}}`
		lowered = `{"capabilities":{"bounding":[]}}`
	)
	inBundle := func(process string) string { return `{"process":` + process + `}` }
	cases := []struct {
		name           string
		args           []string // FILE and BUNDLE stand for the real ones
		config, wanted string
	}{
		{"create", []string{"--root", "/run/x", "--log", "/run/y", "create", "--bundle", "BUNDLE", "--pid-file", "p", "id"}, inBundle(set), inBundle(lowered)},
		{"create, short option", []string{"create", "-b", "BUNDLE", "id"}, inBundle(set), inBundle(lowered)},
		{"run, option with =", []string{"run", "--bundle=BUNDLE", "id"}, inBundle(set), inBundle(lowered)},
		{"restore", []string{"restore", "--bundle", "BUNDLE", "id"}, inBundle(set), inBundle(lowered)},
		{"exec", []string{"--root", "/run/x", "exec", "--process", "FILE", "--detach", "id"}, set, lowered},
		{"exec, short option", []string{"exec", "-p", "FILE", "id"}, set, lowered},
		{"exec of a command line", []string{"exec", "id", "run", "--bundle", "BUNDLE"}, inBundle(set), inBundle(set)},
		{"delete", []string{"delete", "--force", "id"}, inBundle(set), inBundle(set)},
		{"version", []string{"--version"}, inBundle(set), inBundle(set)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, c.config)
			names := strings.NewReplacer("FILE", file, "BUNDLE", filepath.Dir(file))
			var args []string
			for _, arg := range c.args {
				args = append(args, names.Replace(arg))
			}
			if err := adapt(args); err != nil {
				t.Fatal(err)
			}
			same(t, file, c.wanted)
		})
	}
}

func TestAdaptReadsTheBundleOfTheCurrentFolder(t *testing.T) {
	file := write(t, `{"process":{"capabilities":{"bounding":["CAP_SYS_RESOURCE"]}}}`)
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chdir(before) }()
	if err := adapt([]string{"create", "id"}); err != nil {
		t.Fatal(err)
	}
	same(t, file, `{"process":{"capabilities":{"bounding":[]}}}`)
}
