package integration

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// node is containerd as a kubelet uses it.
type node struct {
	*engine
	cri.RuntimeServiceClient
	context.Context // of all requests
	pods            int
}

// startNode starts containerd with its CRI plugin, whose pods run by walisup-oci, and whose pause
// program is a module too.
func startNode(t *testing.T) *node {
	t.Helper()
	e := needEngine(t, "containerd", "ctr", "runc", "podman")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	config := fmt.Sprintf(`version = 2
root = "%[1]s/croot"
state = "%[1]s/cstate"
[grpc]
  address = "%[1]s/sock"
[ttrpc]
  address = "%[1]s/sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:latest"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "%[1]s/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "walisup"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.walisup]
      runtime_type = "io.containerd.runc.v2"
      pod_annotations = ["run.oci.handler", "module.wasm.image/variant"]
      container_annotations = ["run.oci.handler", "module.wasm.image/variant"]
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.walisup.options]
        BinaryName = "%[2]s"
`, e.dir, ociPath())
	if err := os.WriteFile(e.dir+"/config.toml", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("containerd", "-c", e.dir+"/config.toml")
	daemon.Env = []string{"WALISUP_OCI_CACHE=" + e.dir + "/cache", "PATH=" + os.Getenv("PATH")}
	startServer(t, daemon)
	connection, err := grpc.NewClient("unix://"+e.dir+"/sock", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	n := &node{engine: e, RuntimeServiceClient: cri.NewRuntimeServiceClient(connection), Context: ctx}
	until(t, "the CRI plugin answers", func() bool {
		_, err := n.Status(ctx, &cri.StatusRequest{})
		return err == nil
	})
	n.importImages()
	return n
}

// importImages gives containerd two images of the same files. The program of pause waits for a signal.
func (n *node) importImages() {
	n.t.Helper()
	files := n.engine.files()
	for name, program := range map[string]string{"test": `["show"]`, "pause": `["/bin/show","wait"]`} {
		archive := filepath.Join(n.dir, name+".tar")
		n.must("import", "--signature-policy", n.policy(), "--os", "linux", "--arch", "wasm", "--change", "CMD="+program, files, "localhost/"+name)
		n.must("save", "--format", "oci-archive", "-o", archive, "localhost/"+name)
		got := n.run(exec.Command("ctr", "--address", n.dir+"/sock", "--namespace", "k8s.io", "image", "import", "--snapshotter", "native", archive))
		if got.status != 0 {
			n.t.Fatalf("import %s: %+v", name, got)
		}
	}
}

// pod is a pod sandbox.
type pod struct {
	*node
	id     string
	config *cri.PodSandboxConfig
	logs   string
}

// startPod starts a pod in the node's own network, which needs no CNI.
func (n *node) startPod(annotations map[string]string) *pod {
	n.t.Helper()
	n.pods++
	name := fmt.Sprintf("pod%d", n.pods)
	p := &pod{node: n, logs: filepath.Join(n.dir, "logs", name), config: &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: n.id + name, Namespace: "default"},
		LogDirectory: filepath.Join(n.dir, "logs", name),
		Annotations:  annotations,
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent: "/" + n.id,
			SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: &cri.NamespaceOption{
				Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_CONTAINER,
			}},
		},
	}}
	if err := os.MkdirAll(p.logs, 0o755); err != nil {
		n.t.Fatal(err)
	}
	answer, err := n.RunPodSandbox(n, &cri.RunPodSandboxRequest{Config: p.config, RuntimeHandler: "walisup"})
	if err != nil {
		n.t.Fatalf("run a pod: %v", err)
	}
	p.id = answer.PodSandboxId
	n.t.Cleanup(func() {
		_, stop := n.StopPodSandbox(n, &cri.StopPodSandboxRequest{PodSandboxId: p.id})
		_, remove := n.RemovePodSandbox(n, &cri.RemovePodSandboxRequest{PodSandboxId: p.id})
		if stop != nil || remove != nil {
			n.t.Errorf("end pod %s: %v, %v", name, stop, remove)
		}
	})
	return p
}

// create makes a container, whose log has its name.
func (p *pod) create(name string, change func(*cri.ContainerConfig), command ...string) (id string, err error) {
	config := &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: name},
		Image:    &cri.ImageSpec{Image: "localhost/test:latest"},
		Command:  command,
		LogPath:  name,
		Linux: &cri.LinuxContainerConfig{
			Resources:       &cri.LinuxContainerResources{},
			SecurityContext: &cri.LinuxContainerSecurityContext{NamespaceOptions: p.config.Linux.SecurityContext.NamespaceOptions},
		},
	}
	if change != nil {
		change(config)
	}
	answer, err := p.CreateContainer(p, &cri.CreateContainerRequest{PodSandboxId: p.id, Config: config, SandboxConfig: p.config})
	if err != nil {
		return "", err
	}
	return answer.ContainerId, nil
}

// start makes and starts a container.
func (p *pod) start(name string, change func(*cri.ContainerConfig), command ...string) (id string) {
	p.t.Helper()
	id, err := p.create(name, change, command...)
	if err != nil {
		p.t.Fatalf("create %s: %v", name, err)
	}
	if _, err := p.StartContainer(p, &cri.StartContainerRequest{ContainerId: id}); err != nil {
		p.t.Fatalf("start %s: %v", name, err)
	}
	return id
}

// log is what a container has printed, in the format that the kubelet reads.
func (p *pod) log(name string) string {
	text, err := os.ReadFile(filepath.Join(p.logs, name))
	if err != nil {
		p.t.Error(err)
	}
	return string(text)
}

// ended waits for a container's end.
func (p *pod) ended(id string) *cri.ContainerStatus {
	p.t.Helper()
	var status *cri.ContainerStatus
	until(p.t, "the container has ended", func() bool {
		answer, err := p.ContainerStatus(p, &cri.ContainerStatusRequest{ContainerId: id})
		if err != nil {
			p.t.Fatal(err)
		}
		status = answer.Status
		return status.State == cri.ContainerState_CONTAINER_EXITED
	})
	return status
}

// cgroupNumber reads a number of a container's cgroup: the file of version 1 in its hierarchy, or
// that of version 2.
func (p *pod) cgroupNumber(id, hierarchy, v1, v2 string) uint64 {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", hierarchy, p.node.id, id, v1))
	if err != nil {
		text, err = os.ReadFile(filepath.Join("/sys/fs/cgroup", p.node.id, id, v2))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(string(text), "usage_usec "), "\n")
	number, err := strconv.ParseUint(line, 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	if strings.HasPrefix(string(text), "usage_usec ") {
		number *= 1000
	}
	return number
}

// TestCRI drives containerd as the kubelet does: over the socket of its CRI plugin.
func TestCRI(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	t.Cleanup(func() { // last: the pods are gone
		folders, _ := filepath.Glob("/sys/fs/cgroup/*/" + n.id)
		for _, folder := range append(folders, "/sys/fs/cgroup/"+n.id) {
			if err := os.Remove(folder); err != nil && !os.IsNotExist(err) {
				t.Errorf("left: %v", err)
			}
		}
		n.expectNothingLeft()
	})
	p := n.startPod(nil)

	t.Run("a module and a native program", func(t *testing.T) {
		commands := map[string]string{"module": "show", "native": "native"}
		for name, program := range commands {
			id := p.start(name, func(c *cri.ContainerConfig) {
				c.Args = []string{"wait"}
				c.WorkingDir = "/tmp"
				c.Envs = []*cri.KeyValue{{Key: "SHOWN", Value: "yes"}}
			}, program)
			until(t, name+" is ready", func() bool { return strings.Contains(p.log(name), "stdout F ready\n") })
			for _, line := range []string{"args [" + program + "] [wait]", "cwd /tmp uid 0 gid 0 pid 1", "SHOWN=yes"} {
				if !strings.Contains(p.log(name), "stdout F "+line+"\n") {
					t.Errorf("%s: no line %q in the log:\n%s", name, line, p.log(name))
				}
			}
			got, err := p.ExecSync(p, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{program, "exit", "9"}})
			if err != nil || got.ExitCode != 9 || !strings.HasPrefix(string(got.Stdout), "args ["+program+"] [exit] [9]\ncwd /tmp") {
				t.Errorf("%s: exec: %v, %v", name, got, err)
			}
			commands[name] = id
		}
		id := commands["module"]
		got, err := p.ExecSync(p, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"sh", "-c", "cat | sh -c 'cat; echo out; echo err >&2; exit 3'"}})
		if err != nil || got.ExitCode != 3 || string(got.Stdout) != "out\n" || string(got.Stderr) != "err\n" {
			t.Errorf("exec of a shell: %v, %v", got, err)
		}
		if got, err := p.ExecSync(p, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"nosuch"}}); err == nil {
			t.Errorf("exec of nothing: %v", got)
		}
		if got, err := p.ExecSync(p, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"show", "wait"}, Timeout: 1}); err == nil {
			t.Errorf("exec beyond its time: %v", got)
		}
		until(t, "the late process is gone", func() bool { return p.cgroupNumber(id, "pids", "pids.current", "pids.current") == p.threads(id) })

		for name, id := range commands {
			answer, err := p.ContainerStats(p, &cri.ContainerStatsRequest{ContainerId: id})
			if err != nil {
				t.Fatal(err)
			}
			cpu, memory := answer.Stats.Cpu.UsageCoreNanoSeconds.Value, answer.Stats.Memory.WorkingSetBytes.Value
			if now := p.cgroupNumber(id, "cpuacct", "cpuacct.usage", "cpu.stat"); cpu == 0 || cpu > now {
				t.Errorf("%s: %d ns of CPU time, and then %d", name, cpu, now)
			}
			if most := p.cgroupNumber(id, "memory", "memory.max_usage_in_bytes", "memory.peak"); memory == 0 || memory > most {
				t.Errorf("%s: working set %d, at most %d", name, memory, most)
			}
		}
		for name, id := range commands {
			if _, err := p.StopContainer(p, &cri.StopContainerRequest{ContainerId: id, Timeout: 60}); err != nil {
				t.Errorf("stop %s: %v", name, err)
			}
			if status := p.ended(id); status.ExitCode != 3 || !strings.HasSuffix(p.log(name), "stdout F ended by 15\n") {
				t.Errorf("%s after stop: %v\n%s", name, status, p.log(name))
			}
			if _, err := p.RemoveContainer(p, &cri.RemoveContainerRequest{ContainerId: id}); err != nil {
				t.Errorf("remove %s: %v", name, err)
			}
		}
	})

	t.Run("grace period", func(t *testing.T) {
		id := p.start("stubborn", nil, "sh", "-c", "trap '' TERM; echo ready; exec busybox sleep 1000")
		until(t, "it is ready", func() bool { return strings.Contains(p.log("stubborn"), "ready") })
		began := time.Now()
		if _, err := p.StopContainer(p, &cri.StopContainerRequest{ContainerId: id, Timeout: 1}); err != nil {
			t.Errorf("stop: %v", err)
		}
		if status := p.ended(id); status.ExitCode != 137 || time.Since(began) < time.Second {
			t.Errorf("after %v: %v", time.Since(began), status)
		}
	})

	t.Run("memory limit", func(t *testing.T) {
		limit := func(c *cri.ContainerConfig) {
			c.Linux.Resources.MemoryLimitInBytes, c.Linux.Resources.MemorySwapLimitInBytes = 64<<20, 64<<20
		}
		if status := p.ended(p.start("large", limit, "show", "memory", "200")); status.ExitCode != 137 || status.Reason != "OOMKilled" {
			t.Errorf("too much memory: %v", status)
		}
		if status := p.ended(p.start("small", limit, "show", "memory", "20")); status.ExitCode != 0 || !strings.Contains(p.log("small"), "had 20971520") {
			t.Errorf("enough memory: %v\n%s", status, p.log("small"))
		}
	})

	t.Run("bad containers", func(t *testing.T) {
		wasm := func(c *cri.ContainerConfig) { c.Annotations = map[string]string{"run.oci.handler": "wasm"} }
		for name, c := range map[string]struct {
			change  func(*cri.ContainerConfig)
			program string
			want    string
		}{
			"nothing":        {nil, "nosuch", "executable file not found"},
			"unknown import": {nil, "bad", "nowhere"},
			"not a module":   {wasm, "native", "not a WebAssembly module"},
		} {
			id, err := p.create(strings.ReplaceAll(name, " ", "-"), c.change, c.program)
			if err == nil {
				_, err = p.StartContainer(p, &cri.StartContainerRequest{ContainerId: id})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	})

	t.Run("annotation of a pod", func(t *testing.T) {
		annotated := n.startPod(map[string]string{"run.oci.handler": "wasm"})
		if status := annotated.ended(annotated.start("module", nil, "show", "exit", "5")); status.ExitCode != 5 {
			t.Errorf("a module: %v", status)
		}
	})

	t.Run("many at once", func(t *testing.T) {
		const many = 10
		ids := map[string]int32{}
		results := make(chan map[string]int32, many)
		for i := range int32(many) {
			go func() {
				id, err := p.create(fmt.Sprint("many", i), nil, "show", "exit", fmt.Sprint(i))
				if err == nil {
					_, err = p.StartContainer(p, &cri.StartContainerRequest{ContainerId: id})
				}
				if err != nil {
					t.Errorf("container %d: %v", i, err)
					id = ""
				}
				results <- map[string]int32{id: i}
			}()
		}
		for range many {
			maps.Copy(ids, <-results)
		}
		delete(ids, "")
		for id, want := range ids {
			if status := p.ended(id); status.ExitCode != want {
				t.Errorf("container %d: %v", want, status)
			}
		}
	})
}

// threads counts those of a container's first process, which is alone.
func (p *pod) threads(id string) uint64 {
	p.t.Helper()
	for _, path := range []string{filepath.Join("/sys/fs/cgroup/pids", p.node.id, id), filepath.Join("/sys/fs/cgroup", p.node.id, id)} {
		text, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			continue
		}
		pids := strings.Fields(string(text))
		if len(pids) != 1 {
			return 0
		}
		tasks, err := os.ReadDir("/proc/" + pids[0] + "/task")
		if err != nil {
			p.t.Fatal(err)
		}
		return uint64(len(tasks))
	}
	p.t.Fatalf("container %s has no cgroup", id)
	return 0
}
