package datadir

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// holdEnv makes the test binary hold a directory until its input ends: the second
// process of these tests.
const holdEnv = "DRIFTLINE_TEST_HOLD"

func TestMain(m *testing.M) {
	path := os.Getenv(holdEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	d, err := Open(path, "test")
	if err == nil {
		err = d.Announce(Run{HTTP: "http://127.0.0.1:1", StartedMS: 7, Version: "test"})
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("held", d.Instance())
	bufio.NewScanner(os.Stdin).Scan()
	if err := d.Close(); err != nil {
		os.Exit(1)
	}
}

// other is another process that holds a directory.
type other struct {
	cmd      *exec.Cmd
	end      func() error // lets it stop cleanly
	instance string
}

func hold(t *testing.T, path string) *other {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	id, ok := strings.CutPrefix(strings.TrimSpace(line), "held ")
	if err != nil || !ok {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return &other{cmd: cmd, instance: id, end: func() error { return errors.Join(in.Close(), cmd.Wait()) }}
}

// tree lists a directory: names, and contents of files.
func tree(t *testing.T, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == path {
			return err
		}
		rel, _ := filepath.Rel(path, p)
		if d.IsDir() {
			out[rel] = "directory"
			return nil
		}
		text, err := os.ReadFile(p)
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_KeepsItsInstanceOverRestarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "data")
	d, err := Open(path, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	id := d.Instance()
	if len(id) != 32 || d.Path() != path || d.Broker() != filepath.Join(path, "broker") {
		t.Errorf("instance %q, path %q, broker %q", id, d.Path(), d.Broker())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("rights of the directory: %v, %v; want 0700: it will hold password hashes", info.Mode(), err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	again, err := Open(path, "2.0")
	if err != nil {
		t.Fatal(err)
	}
	if again.Instance() != id {
		t.Errorf("instance %s after a restart, want %s", again.Instance(), id)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, path)[formatFile]; got != `{"product":"driftline","format":1,"created_by":"1.0"}`+"\n" {
		t.Errorf("format.json is %s", got)
	}
}

func TestOpen_SecondProcessLearnsThePid(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	o := hold(t, path)
	pid := o.cmd.Process.Pid
	_, err := Open(path, "test")
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != pid {
		t.Fatalf("Open of a held directory: %v, want a LockedError with pid %d", err, pid)
	}
	want := fmt.Sprintf("data directory %s is in use by process %d; stop it or give another --data-dir", path, pid)
	if err.Error() != want {
		t.Errorf("message %q, want %q", err, want)
	}
	run, state, err := Look(path)
	if diff := cmp.Diff(Run{PID: pid, HTTP: "http://127.0.0.1:1", StartedMS: 7, Version: "test"}, run); err != nil || state != Running || diff != "" {
		t.Errorf("Look: state %d, %v, run (-want +got):\n%s", state, err, diff)
	}
	if err := o.end(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, runFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("run.json after a clean stop: %v, want none", err)
	}
	if _, state, err := Look(path); state != Free || err != nil {
		t.Errorf("Look after a clean stop: state %d, %v; want Free", state, err)
	}
}

func TestOpen_AfterAKillTakesOverAndForgetsTheDead(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	o := hold(t, path)
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.cmd.Wait() // killed: its error is the point
	if _, err := os.Stat(filepath.Join(path, runFile)); err != nil {
		t.Fatalf("a killed process leaves run.json: %v", err)
	}
	if run, state, err := Look(path); state != Free || err != nil || run.PID != 0 {
		t.Errorf("Look at a stale run.json: %+v, state %d, %v; want Free", run, state, err)
	}
	d, err := Open(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if d.Instance() != o.instance {
		t.Errorf("instance %s, want the dead process's %s", d.Instance(), o.instance)
	}
	if _, state, err := Look(path); state != Starting || err != nil {
		t.Errorf("Look before Announce: state %d, %v; want Starting", state, err)
	}
	if err := d.Announce(Run{Ops: "127.0.0.1:5001"}); err != nil {
		t.Fatal(err)
	}
	if run, state, err := Look(path); state != Running || err != nil || run.PID != os.Getpid() || run.Ops != "127.0.0.1:5001" {
		t.Errorf("Look after Announce: %+v, state %d, %v", run, state, err)
	}
}

func TestOpen_LeavesWhatItRefusesUntouched(t *testing.T) {
	t.Parallel()
	const ours = `{"product":"driftline","format":1,"created_by":"1"}`
	tests := []struct {
		name  string
		files map[string]string
		want  error
		says  []string
	}{
		{"another program's files", map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "store.db": "x"}, ErrForeign,
			[]string{"holds a, b, c, …", "--data-dir"}},
		{"a store without our mark", map[string]string{"store.db": "x"}, ErrForeign, []string{"holds store.db"}},
		{"a newer format", map[string]string{formatFile: `{"product":"driftline","format":2,"created_by":"9.9"}`, "store.db": "x"}, ErrNewer,
			[]string{"format 2", "version 9.9", "up to 1"}},
		{"a mark that is cut short", map[string]string{formatFile: `{"product":"drif`}, ErrDamaged, []string{formatFile}},
		{"a mark of something else", map[string]string{formatFile: `{"product":"other","format":1}`}, ErrDamaged, []string{formatFile}},
		{"an id that is none", map[string]string{formatFile: ours, lockFile: "", instanceFile: "short\n"}, ErrDamaged, []string{instanceFile, "32 hex digits"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			for name, text := range tt.files {
				put(t, path, name, text)
			}
			before := tree(t, path)
			_, err := Open(path, "test")
			if !errors.Is(err, tt.want) {
				t.Fatalf("Open: %v, want %v", err, tt.want)
			}
			for _, s := range append(tt.says, path) {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("message %q lacks %q", err, s)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("message of more than one line: %q", err)
			}
			after := tree(t, path)
			if text := after[lockFile]; text != "" { // the lock file names whoever tried last
				after[lockFile] = before[lockFile]
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the directory was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestOpen_TakesAVolumeAndAStartThatWasCutShort(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	put(t, path, lockFile, "123456\n")
	put(t, path, tempPrefix+formatFile+"-1", "{")
	if err := os.Mkdir(filepath.Join(path, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_SaysWhyAPathCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "file", "x")
	for _, path := range []string{filepath.Join(dir, "file"), filepath.Join(dir, "file", "below")} {
		_, err := Open(path, "test")
		if !errors.Is(err, ErrAccess) || !strings.Contains(err.Error(), "not a directory") {
			t.Errorf("Open(%s): %v, want ErrAccess that says it is no directory", path, err)
		}
	}
	if os.Getuid() == 0 {
		return // root may write anywhere
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(closed, "test"); !errors.Is(err, ErrAccess) || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("Open of a directory without rights: %v", err)
	}
}

func TestLook_NeverMakesAnything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none")
	if _, state, err := Look(path); state != Free || err != nil {
		t.Errorf("Look at nothing: state %d, %v; want Free", state, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Look made the directory: %v", err)
	}
}

func TestLook_TellsADamagedRunOfALiveProcess(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := Open(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	put(t, path, runFile, "{")
	if _, _, err := Look(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("Look at half a run.json: %v, want ErrDamaged with the pid", err)
	}
	put(t, path, runFile, `{"pid":1,"http":"http://127.0.0.1:1"}`)
	if os.Getpid() != 1 {
		if run, state, err := Look(path); state != Starting || err != nil || run.HTTP != "" {
			t.Errorf("Look at another process's run.json: %+v, state %d, %v; want Starting", run, state, err)
		}
	}
}

func TestOpen_TwoLooksDoNotKeepAStartOut(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := Open(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, _, err := Look(path); err != nil {
				ended <- err
				return
			}
		}
	}()
	for i := range 50 {
		d, err := Open(path, "test")
		if err != nil {
			t.Fatalf("start %d beside a busy onlooker: %v", i, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
