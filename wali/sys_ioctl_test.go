package wali

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIoctlTableIsSorted(t *testing.T) {
	t.Parallel()
	for i := 1; i < len(ioctlTable); i++ {
		if ioctlTable[i-1].request >= ioctlTable[i].request {
			t.Errorf("%s comes after %s", ioctlTable[i].name, ioctlTable[i-1].name)
		}
	}
}

// TestIoctlNumbers compares the table with the numbers that golang.org/x/sys
// has from the kernel's headers.
func TestIoctlNumbers(t *testing.T) {
	t.Parallel()
	numbers := map[string]uint32{
		"TCGETS": unix.TCGETS, "TCSETS": unix.TCSETS, "TCSETSW": unix.TCSETSW, "TCSETSF": unix.TCSETSF, "TCGETA": unix.TCGETA,
		"TCSBRK": unix.TCSBRK, "TCXONC": unix.TCXONC, "TCFLSH": unix.TCFLSH, "TIOCSCTTY": unix.TIOCSCTTY, "TIOCGPGRP": unix.TIOCGPGRP,
		"TIOCSPGRP": unix.TIOCSPGRP, "TIOCOUTQ": unix.TIOCOUTQ, "TIOCSTI": unix.TIOCSTI, "TIOCGWINSZ": unix.TIOCGWINSZ,
		"TIOCSWINSZ": unix.TIOCSWINSZ, "FIONREAD": unix.TIOCINQ, "TIOCPKT": unix.TIOCPKT, "FIONBIO": fionbio,
		"TIOCNOTTY": unix.TIOCNOTTY, "TIOCGSID": unix.TIOCGSID, "TCGETS2": unix.TCGETS2, "TCSETS2": unix.TCSETS2, "TIOCGPTN": unix.TIOCGPTN,
		"TIOCSPTLCK": unix.TIOCSPTLCK, "TIOCGPTPEER": unix.TIOCGPTPEER, "FIONCLEX": fionclex, "FIOCLEX": fioclex,
		"FIOASYNC": 0x5452, "FIOQSIZE": 0x5460, "TIOCSIG": unix.TIOCSIG, "TCSBRKP": unix.TCSBRKP, "TIOCVHANGUP": unix.TIOCVHANGUP,
		"FIBMAP": ioc(0, 0, 1, 0), "FIGETBSZ": figetbsz, "FS_IOC_GETFLAGS": unix.FS_IOC_GETFLAGS, "FS_IOC_SETFLAGS": unix.FS_IOC_SETFLAGS,
		"FICLONE": unix.FICLONE, "FICLONERANGE": unix.FICLONERANGE, "FIDEDUPERANGE": unix.FIDEDUPERANGE,
		"BLKROSET": unix.BLKROSET, "BLKROGET": unix.BLKROGET, "BLKRRPART": unix.BLKRRPART, "BLKGETSIZE": unix.BLKGETSIZE, "BLKFLSBUF": unix.BLKFLSBUF,
		"BLKRASET": unix.BLKRASET, "BLKRAGET": unix.BLKRAGET, "BLKSSZGET": unix.BLKSSZGET, "BLKBSZGET": unix.BLKBSZGET, "BLKBSZSET": unix.BLKBSZSET,
		"BLKGETSIZE64": unix.BLKGETSIZE64, "BLKPBSZGET": unix.BLKPBSZGET, "BLKDISCARD": unix.BLKDISCARD, "BLKIOMIN": unix.BLKIOMIN, "BLKROTATIONAL": unix.BLKROTATIONAL,
		"HDIO_GETGEO": unix.HDIO_GETGEO, "LOOP_SET_FD": unix.LOOP_SET_FD, "LOOP_CLR_FD": unix.LOOP_CLR_FD, "LOOP_CONFIGURE": unix.LOOP_CONFIGURE,
		"LOOP_CTL_GET_FREE": unix.LOOP_CTL_GET_FREE, "LOOP_SET_STATUS64": unix.LOOP_SET_STATUS64, "LOOP_SET_DIRECT_IO": unix.LOOP_SET_DIRECT_IO,
		"RTC_RD_TIME": unix.RTC_RD_TIME, "RTC_SET_TIME": unix.RTC_SET_TIME, "RTC_ALM_READ": unix.RTC_ALM_READ, "RTC_WKALM_RD": unix.RTC_WKALM_RD,
		"RTC_IRQP_READ": unix.RTC_IRQP_READ, "RTC_EPOCH_SET": unix.RTC_EPOCH_SET, "RTC_VL_READ": unix.RTC_VL_READ, "RTC_AIE_ON": unix.RTC_AIE_ON,
		"SIOCSPGRP": unix.SIOCSPGRP, "SIOCATMARK": unix.SIOCATMARK, "SIOCGIFNAME": unix.SIOCGIFNAME, "SIOCGIFCONF": unix.SIOCGIFCONF,
		"SIOCGIFFLAGS": unix.SIOCGIFFLAGS, "SIOCSIFFLAGS": unix.SIOCSIFFLAGS, "SIOCGIFADDR": unix.SIOCGIFADDR, "SIOCGIFNETMASK": unix.SIOCGIFNETMASK,
		"SIOCGIFMTU": unix.SIOCGIFMTU, "SIOCGIFHWADDR": unix.SIOCGIFHWADDR, "SIOCGIFINDEX": unix.SIOCGIFINDEX, "SIOCETHTOOL": unix.SIOCETHTOOL,
		"SIOCADDRT": unix.SIOCADDRT, "SIOCDELRT": unix.SIOCDELRT, "SIOCOUTQNSD": unix.SIOCOUTQNSD, "SIOCGARP": unix.SIOCGARP, "SIOCGIFMAP": unix.SIOCGIFMAP,
		"SIOCGIFVLAN": unix.SIOCGIFVLAN, "SIOCBRADDBR": unix.SIOCBRADDBR, "SIOCBRDELIF": unix.SIOCBRDELIF, "SIOCGSKNS": unix.SIOCGSKNS,
		"SIOCSHWTSTAMP": unix.SIOCSHWTSTAMP, "SIOCGHWTSTAMP": unix.SIOCGHWTSTAMP, "SIOCBONDENSLAVE": unix.SIOCBONDENSLAVE, "SIOCGMIIPHY": unix.SIOCGMIIPHY,
		"TUNSETIFF": unix.TUNSETIFF, "TUNGETIFF": unix.TUNGETIFF, "TUNGETFEATURES": unix.TUNGETFEATURES, "TUNSETPERSIST": unix.TUNSETPERSIST,
		"TUNSETOWNER": unix.TUNSETOWNER, "TUNSETVNETHDRSZ": unix.TUNSETVNETHDRSZ, "TUNSETQUEUE": unix.TUNSETQUEUE, "TUNSETOFFLOAD": unix.TUNSETOFFLOAD,
		"NS_GET_USERNS": unix.NS_GET_USERNS, "NS_GET_OWNER_UID": unix.NS_GET_OWNER_UID, "RNDGETENTCNT": unix.RNDGETENTCNT, "RNDADDENTROPY": unix.RNDADDENTROPY,
		"RNDRESEEDCRNG": unix.RNDRESEEDCRNG, "WDIOC_GETSUPPORT": unix.WDIOC_GETSUPPORT, "WDIOC_KEEPALIVE": unix.WDIOC_KEEPALIVE, "WDIOC_SETTIMEOUT": unix.WDIOC_SETTIMEOUT,
		"TFD_IOC_SET_TICKS": ioc(1, 'T', 0, 8), "FS_IOC_FSGETXATTR": ioc(2, 'X', 31, 28),
		"FIFREEZE": ioc(3, 'X', 119, 4), "FITHAW": ioc(3, 'X', 120, 4), "FITRIM": ioc(3, 'X', 121, 24), "FS_IOC_FIEMAP": ioc(3, 'f', 11, 32),
		"FS_IOC_GETFSLABEL": ioc(2, 0x94, 49, 256), "FS_IOC_SETFSLABEL": ioc(1, 0x94, 50, 256), "MTIOCTOP": ioc(1, 'm', 1, 8), "MTIOCGET": ioc(2, 'm', 2, 48),
		"EVIOCGVERSION": ioc(2, 'E', 1, 4), "EVIOCGID": ioc(2, 'E', 2, 8), "EVIOCGKEYCODE_V2": ioc(2, 'E', 4, 40), "EVIOCGRAB": ioc(1, 'E', 0x90, 4),
		"PIDFD_GET_INFO": ioc(3, 0xff, 11, 64), "FUSE_DEV_IOC_CLONE": ioc(2, 229, 0, 4), "INOTIFY_IOC_SETNEXTWD": ioc(1, 'I', 0, 4),
	}
	found := 0
	for _, row := range ioctlTable {
		if want, ok := numbers[row.name]; ok {
			found++
			if row.request != want {
				t.Errorf("%s is %#x, want %#x", row.name, row.request, want)
			}
		}
	}
	if found != len(numbers) {
		t.Errorf("%d of %d names are in the table", found, len(numbers))
	}
}

// Requests that golang.org/x/sys/unix does not have, from
// include/uapi/asm-generic/ioctls.h and include/uapi/linux/fs.h.
const (
	fionbio  = 0x5421
	fionclex = 0x5450
	fioclex  = 0x5451
	figetbsz = 2
)

// ioc is _IOC of include/uapi/asm-generic/ioctl.h.
func ioc(direction uint32, kind byte, nr, size uint32) uint32 {
	return direction<<30 | size<<16 | uint32(kind)<<8 | nr
}

// terminal opens a pseudo-terminal through the guest's calls.
func (g *guest) terminal() (master, slave int) {
	g.t.Helper()
	master = int(g.must("open", g.string("/dev/ptmx"), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
	g.must("ioctl", master, unix.TIOCSPTLCK, g.words(0))
	slave = int(g.must("ioctl", master, unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC))
	closeLater(g.t, master, slave)
	return master, slave
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	master, slave := g.terminal()
	number := g.alloc(4)
	g.must("ioctl", master, unix.TIOCGPTN, number)

	// The guest's struct termios has 60 bytes, the kernel's 36.
	const size, mark = 36, 0x77
	buf := g.alloc(64)
	g.fill(buf, 64, mark)
	g.must("ioctl", slave, unix.TCGETS, buf)
	g.untouched("TCGETS", buf+size, 64-size, mark)
	native, err := unix.IoctlGetTermios(slave, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	b := g.bytes(buf, size)
	if binary.LittleEndian.Uint32(b) != native.Iflag || binary.LittleEndian.Uint32(b[12:]) != native.Lflag || !bytes.Equal(b[17:36], native.Cc[:]) {
		t.Errorf("TCGETS: %x, want %+v", b, native)
	}
	binary.LittleEndian.PutUint32(b[12:], native.Lflag&^unix.ECHO)
	g.write(buf, b)
	for _, request := range []int{unix.TCSETS, unix.TCSETSW, unix.TCSETSF} {
		g.must("ioctl", slave, request, buf)
	}
	if native, _ = unix.IoctlGetTermios(slave, unix.TCGETS); native.Lflag&unix.ECHO != 0 {
		t.Error("TCSETS did not switch off echo")
	}
	win := g.alloc(8)
	g.write(win, []byte{50, 0, 132, 0, 0, 0, 0, 0})
	g.must("ioctl", master, unix.TIOCSWINSZ, win)
	g.write(win, make([]byte, 8))
	g.must("ioctl", slave, unix.TIOCGWINSZ, win)
	if b := g.bytes(win, 4); b[0] != 50 || b[2] != 132 {
		t.Errorf("TIOCGWINSZ: %v", b)
	}
	g.must("write", master, g.string("line\n"), 5)
	// The line discipline works at its own pace.
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(slave), Events: unix.POLLIN}}, -1); err != nil {
		t.Fatal(err)
	}
	count := g.alloc(4)
	g.must("ioctl", slave, unix.TIOCINQ, count)
	if g.word(count) != 5 {
		t.Errorf("FIONREAD: %d", g.word(count))
	}
	g.must("ioctl", slave, unix.TCFLSH, unix.TCIFLUSH)
	g.must("ioctl", slave, unix.TIOCINQ, count)
	if g.word(count) != 0 {
		t.Errorf("FIONREAD after TCFLSH: %d", g.word(count))
	}
	g.must("ioctl", slave, unix.TIOCEXCL, 0)
	g.must("ioctl", slave, unix.TIOCNXCL, 0)
	g.must("ioctl", slave, unix.TCSBRK, 1)
	g.want(unix.EFAULT, g.callRow("ioctl", slave, unix.TCGETS, guestHole))
	g.want(unix.EFAULT, g.callRow("ioctl", slave, unix.TCSETS, guestHole-8))
	g.want(unix.EFAULT, g.callRow("ioctl", slave, unix.TIOCGWINSZ, 0))
}

func TestDescriptorRequests(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	r, w := nativePipe(t)
	g.must("ioctl", r, fionclex, 0)
	if flags, _ := unix.FcntlInt(uintptr(r), unix.F_GETFD, 0); flags != 0 {
		t.Error("FIONCLEX")
	}
	g.must("ioctl", r, fioclex, 0)
	if flags, _ := unix.FcntlInt(uintptr(r), unix.F_GETFD, 0); flags != unix.FD_CLOEXEC {
		t.Error("FIOCLEX")
	}
	g.must("ioctl", r, fionbio, g.words(1))
	g.want(unix.EAGAIN, g.callRow("read", r, g.alloc(8), 8))
	g.must("write", w, g.string("abc"), 3)
	count := g.alloc(4)
	g.must("ioctl", r, unix.TIOCINQ, count)
	if g.word(count) != 3 {
		t.Errorf("FIONREAD: %d", g.word(count))
	}
	for _, request := range []uint32{unix.TCGETS, unix.TIOCGWINSZ} {
		g.want(unix.ENOTTY, g.callRow("ioctl", r, request, g.alloc(64)))
	}
	// Unknown requests never reach the kernel, but a closed descriptor is told.
	for _, request := range []uint32{0, 0xdeadbeef, 0xaa00, 0xae00, 0x4b72, 0x541e, 0xc0186419, 0x5100, 0xffffffff, 0x80104592, 0x40304580} {
		g.want(unix.ENOTTY, g.callRow("ioctl", r, request, g.alloc(64)))
		g.want(unix.EBADF, g.callRow("ioctl", 12345, request, 0))
	}
	if arg := ioctlArgOf(ioc(2, 'E', 6, 256)); arg != ioctlPointer {
		t.Errorf("EVIOCGNAME(256): %d", arg)
	}
}

func TestFileRequests(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	fd := int(g.must("open", g.string(file), unix.O_RDWR|unix.O_CLOEXEC, 0))
	closeLater(t, fd)
	block := g.alloc(4)
	g.must("ioctl", fd, figetbsz, block)
	if n := g.word(block); n < 512 {
		t.Errorf("FIGETBSZ: %d", n)
	}
	slot := reservedDescriptor(t)
	g.want(unix.EBADF, g.callRow("ioctl", fd, uint32(unix.FICLONE), slot))
	g.want(unix.EBADF, g.callRow("ioctl", fd, uint32(unix.FICLONERANGE), g.longs(uint64(slot), 0, 0, 0)))
	g.want(unix.EFAULT, g.callRow("ioctl", fd, uint32(unix.FICLONERANGE), guestHole-16))
	want := errnoOf(unix.IoctlFileClone(fd, 0))
	if r := g.callRow("ioctl", fd, uint32(unix.FICLONE), 0); r != -int64(want) {
		t.Errorf("FICLONE: %d, want %v", r, want)
	}
}

func TestNetworkInterfaceRequests(t *testing.T) {
	t.Parallel()
	g := newGuest(t)
	s := int(g.must("socket", unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	closeLater(t, s)
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	ifreq := g.alloc(48)
	name := func(name string) {
		g.fill(ifreq, 48, 0)
		g.fill(ifreq+ifreqSize, 8, 0x33)
		g.write(ifreq, []byte(name))
	}
	name("lo")
	g.must("ioctl", s, unix.SIOCGIFINDEX, ifreq)
	if int(g.word(ifreq+16)) != lo.Index {
		t.Errorf("SIOCGIFINDEX: %d, want %d", g.word(ifreq+16), lo.Index)
	}
	g.untouched("SIOCGIFINDEX", ifreq+ifreqSize, 8, 0x33)
	name("lo")
	g.must("ioctl", s, unix.SIOCGIFMTU, ifreq)
	if int(g.word(ifreq+16)) != lo.MTU {
		t.Errorf("SIOCGIFMTU: %d, want %d", g.word(ifreq+16), lo.MTU)
	}
	name("none")
	g.want(unix.ENODEV, g.callRow("ioctl", s, unix.SIOCGIFINDEX, ifreq))

	list := g.alloc(4096)
	conf := g.words(4096, list)
	g.must("ioctl", s, unix.SIOCGIFCONF, conf)
	n := int(g.word(conf))
	if g.word(conf+4) != list || n%ifreqSize != 0 {
		t.Errorf("SIOCGIFCONF: %d bytes at %#x", n, g.word(conf+4))
	}
	var names []string
	for i := 0; i+ifreqSize <= n; i += ifreqSize {
		b, _, _ := bytes.Cut(g.bytes(list+uint32(i), 16), []byte{0})
		names = append(names, string(b))
	}
	addrs, _ := lo.Addrs()
	if len(addrs) > 0 && !strings.Contains(strings.Join(names, " "), "lo") {
		t.Errorf("SIOCGIFCONF: %v", names)
	}
	g.write(conf, int32s(0, 0))
	g.must("ioctl", s, unix.SIOCGIFCONF, conf)
	if int(g.word(conf)) != n {
		t.Errorf("SIOCGIFCONF asked for the size: %d, want %d", g.word(conf), n)
	}
	g.want(unix.EFAULT, g.callRow("ioctl", s, unix.SIOCGIFCONF, guestHole))

	// ETHTOOL_GLINK: u32 command, u32 result.
	link := g.words(0x0a, 99)
	name("lo")
	g.write(ifreq+16, binary.LittleEndian.AppendUint32(nil, link))
	g.must("ioctl", s, unix.SIOCETHTOOL, ifreq)
	if up := lo.Flags&net.FlagUp != 0; (g.word(link+4) == 1) != up {
		t.Errorf("ETHTOOL_GLINK: %d with the interface up: %v", g.word(link+4), up)
	}
	g.write(ifreq+16, binary.LittleEndian.AppendUint32(nil, guestHole))
	g.want(unix.EFAULT, g.callRow("ioctl", s, unix.SIOCETHTOOL, ifreq))
}

func TestRouteRequests(t *testing.T) {
	if !inChild(t) {
		return
	}
	lockThread(t)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("unshare: %v", err)
	}
	g := newGuest(t)
	s := int(g.must("socket", unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	ifreq := g.alloc(ifreqSize)
	g.write(ifreq, []byte("lo"))
	g.must("ioctl", s, unix.SIOCGIFFLAGS, ifreq)
	flags := g.word(ifreq + 16)
	g.write(ifreq+16, []byte{byte(flags) | unix.IFF_UP, byte(flags >> 8)})
	g.must("ioctl", s, unix.SIOCSIFFLAGS, ifreq)

	route := make([]byte, guestRouteSize)
	address := func(at int, a, b, c, d byte) {
		copy(route[at:], []byte{unix.AF_INET, 0, 0, 0, a, b, c, d})
	}
	address(8, 10, 9, 8, 0)
	address(24, 0, 0, 0, 0)
	address(40, 255, 255, 255, 0)
	const up, mtu = 1, 0x40
	route[56] = up | mtu
	binary.LittleEndian.PutUint32(route[guestRouteDev:], g.string("lo"))
	binary.LittleEndian.PutUint64(route[guestRouteMTU:], 1234)
	at := g.put(route)
	g.must("ioctl", s, unix.SIOCADDRT, at)
	table, err := os.ReadFile("/proc/thread-self/net/route")
	if err != nil {
		t.Fatal(err)
	}
	if want := "lo\t0008090A"; !strings.Contains(string(table), want) || !strings.Contains(string(table), "1234") {
		t.Errorf("routes:\n%s", table)
	}
	g.must("ioctl", s, unix.SIOCDELRT, at)
	if table, _ = os.ReadFile("/proc/thread-self/net/route"); strings.Contains(string(table), "0008090A") {
		t.Errorf("routes:\n%s", table)
	}
	g.want(unix.EFAULT, g.callRow("ioctl", s, unix.SIOCADDRT, guestHole))
	r, _ := nativePipe(t)
	g.want(unix.ENOTTY, g.callRow("ioctl", r, unix.SIOCADDRT, at))
}
