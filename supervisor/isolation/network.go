package isolation

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// makeNetwork makes the network namespace that config asks for and returns a
// descriptor of it, -1 if it asks for none.
//
// It works in a thread of its own, which ends with it, and not in the launcher's:
// netlink sockets need Go's poller, which must not be made in a thread that has
// descriptors of its own.
func makeNetwork(config *Config) (fd int, err error) {
	switch {
	case config.Join != 0:
		return joinNetwork(config.Join)
	case config.Net == "" || config.Net == Host:
		return -1, nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends here
		if fd, err = newNetwork(config.Net); err != nil {
			err = fmt.Errorf("--net %s: %w", config.Net, err)
		}
	}()
	<-done
	return fd, err
}

// newNetwork makes a network namespace and leaves the calling thread in it.
func newNetwork(kind Network) (fd int, err error) {
	outside, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return -1, err
	}
	defer outside.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		if err == unix.EPERM {
			return -1, fmt.Errorf("make a network namespace: %w (needs CAP_SYS_ADMIN: root has it)", err)
		}
		return -1, fmt.Errorf("make a network namespace: %w", err)
	}
	fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the network namespace: %w", err)
	}
	inside, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err == nil {
		defer inside.Close()
		err = setUp(inside, "lo")
	}
	if err == nil && kind == Private {
		err = connect(outside, inside, fd)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// joinNetwork returns a descriptor of a process's network namespace, -1 if it is
// ours.
func joinNetwork(pid int) (fd int, err error) {
	path := fmt.Sprintf("/proc/%d/ns/net", pid)
	theirs, err := os.Readlink(path)
	if err != nil {
		return -1, fmt.Errorf("network of process %d: %w", pid, err)
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil || ours == theirs {
		return -1, err
	}
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("network of process %d: %w", pid, err)
	}
	return fd, nil
}

// enterNetwork moves the calling thread to a namespace.
func enterNetwork(fd int) error {
	if fd < 0 {
		return nil
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network namespace: %w (needs CAP_SYS_ADMIN: root has it)", err)
	}
	return nil
}

func setUp(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if err == nil {
		err = h.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("set up device %s: %w", name, err)
	}
	return nil
}

// Private networks lie in privateNet, four addresses each: network number n has
// 4n+1 for the host and 4n+2 for the instance. The device at the host's end is
// called after n, so that the kernel itself says whether n is taken.
var privateNet = net.IPv4(10, 209, 0, 0).To4()

const (
	privateNets  = 1 << 14
	privateBits  = 30
	hostDevice   = "walisup"
	insideDevice = "eth0"
)

// connect makes a veth pair between the outer namespace and the inner one, of which
// own is a descriptor, with addresses, and a default route inside.
func connect(outside, inside *netlink.Handle, own int) error {
	var err error
	n := 0
	for ; n < privateNets; n++ {
		pair := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("%s%d", hostDevice, n)},
			PeerName:  insideDevice, PeerNamespace: netlink.NsFd(own),
		}
		err = outside.LinkAdd(pair)
		if !errors.Is(err, unix.EEXIST) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("make a veth pair: %w (needs CAP_NET_ADMIN)", err)
	}
	host, guest := privateAddress(4*n+1), privateAddress(4*n+2)
	if err := address(outside, fmt.Sprintf("%s%d", hostDevice, n), host); err != nil {
		return err
	}
	if err := address(inside, insideDevice, guest); err != nil {
		return err
	}
	if err := inside.RouteAdd(&netlink.Route{Gw: host}); err != nil {
		return fmt.Errorf("set the default route: %w", err)
	}
	return nil
}

func privateAddress(n int) net.IP {
	return net.IPv4(privateNet[0], privateNet[1], privateNet[2]+byte(n>>8), privateNet[3]+byte(n)).To4()
}

// address gives a device an address and sets it up.
func address(h *netlink.Handle, name string, ip net.IP) error {
	link, err := h.LinkByName(name)
	if err == nil {
		err = h.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(privateBits, 32)}})
	}
	if err == nil {
		err = h.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("give device %s the address %s: %w", name, ip, err)
	}
	return nil
}
