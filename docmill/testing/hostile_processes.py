"""Attempts to reach the network and other processes."""

import ctypes
import os
import resource
import socket
import struct
from pathlib import Path

from docmill.testing.hostile_calls import Attempts, Command, call, first_bytes

ATTEMPTS = Attempts()
"""The attempts by name."""


@ATTEMPTS.add
def tcp(command: Command) -> object:
    """Connect to a listener on this machine."""
    return socket.create_connection(("127.0.0.1", command["tcp_port"]), timeout=5)


@ATTEMPTS.add
def tcp_over_ipv6(command: Command) -> object:
    """Connect to a listener over IPv6."""
    with socket.socket(socket.AF_INET6) as made:
        return made.connect_ex(("::1", command["tcp_port"]))


@ATTEMPTS.add
def tcp_listener(_: Command) -> object:
    """Listen for connections."""
    return socket.create_server(("127.0.0.1", 0))


@ATTEMPTS.add
def udp(command: Command) -> object:
    """Send a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        return made.sendto(b"x", ("127.0.0.1", command["tcp_port"]))


@ATTEMPTS.add
def raw_socket(_: Command) -> object:
    """Open a raw IP socket."""
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


@ATTEMPTS.add
def packet_socket(_: Command) -> object:
    """Open a packet socket, which reads the traffic of the machine."""
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


@ATTEMPTS.add
def netlink_socket(_: Command) -> object:
    """Query the network configuration of the kernel."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


@ATTEMPTS.add
def unix_socket(command: Command) -> None:
    """Connect to a Unix socket by its path."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(command["unix_socket"])


@ATTEMPTS.add
def abstract_socket(command: Command) -> None:
    """Connect to an abstract Unix socket."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(f"\0{command['abstract_socket']}")


@ATTEMPTS.add
def dns(_: Command) -> object:
    """Resolve a name, which could carry data out of the machine."""
    return socket.getaddrinfo("canary.example.com", 80)


@ATTEMPTS.add
def environment_of_the_worker(command: Command) -> object:
    """Read the environment of the worker."""
    return first_bytes(f"/proc/{command['worker']}/environ")


@ATTEMPTS.add
def memory_of_the_worker(command: Command) -> object:
    """Open the memory of the worker."""
    return os.open(f"/proc/{command['worker']}/mem", os.O_RDONLY)


@ATTEMPTS.add
def descriptors_of_the_worker(command: Command) -> object:
    """List the open descriptors of the worker."""
    return [str(path) for path in Path(f"/proc/{command['worker']}/fd").iterdir()]


@ATTEMPTS.add
def root_of_the_worker(command: Command) -> object:
    """Read files through the root folder of another process."""
    return first_bytes(f"/proc/{command['worker']}/root{command['secret']}")


@ATTEMPTS.add
def list_of_processes(_: Command) -> object:
    """List the processes of the machine."""
    return [path.name for path in Path("/proc").iterdir()]


@ATTEMPTS.add
def command_line_of_a_neighbour(command: Command) -> object:
    """Read the command line of another engine process."""
    return first_bytes(f"/proc/{command['neighbour']}/cmdline")


@ATTEMPTS.add
def pipes_of_a_neighbour(command: Command) -> object:
    """Open the pipes of another engine process."""
    descriptors = Path(f"/proc/{command['neighbour']}/fd").iterdir()
    return [os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in descriptors]


@ATTEMPTS.add
def ptrace(command: Command) -> object:
    """Attach to another engine process."""
    return call("ptrace", 0x4206, command["neighbour"], None, None)  # PTRACE_SEIZE


@ATTEMPTS.add
def memory_of_a_neighbour(command: Command) -> object:
    """Read the memory of another engine process."""
    buffer = ctypes.create_string_buffer(8)
    vector = struct.pack("PP", ctypes.addressof(buffer), 8)
    return call("process_vm_readv", command["neighbour"], vector, 1, vector, 1, 0)


@ATTEMPTS.add
def descriptor_of_a_neighbour(command: Command) -> object:
    """Take a descriptor from another process."""
    return call("pidfd_getfd", call("pidfd_open", command["neighbour"], 0), 3, 0)


@ATTEMPTS.add
def comparison_with_a_neighbour(command: Command) -> object:
    """Compare two processes, which reveals the order of kernel addresses."""
    return call("kcmp", os.getpid(), command["neighbour"], 0, 0, 0)


@ATTEMPTS.add
def signal_to_the_worker(command: Command) -> None:
    """Send signal 0, which has no effect but needs the same permission as any other."""
    os.kill(command["worker"], 0)


@ATTEMPTS.add
def signal_to_a_neighbour(command: Command) -> None:
    """Send signal 0 to another engine process."""
    os.kill(command["neighbour"], 0)


@ATTEMPTS.add
def signal_to_a_thread_of_the_worker(command: Command) -> object:
    """Send a signal to a thread of the worker."""
    return call("tgkill", command["worker"], command["worker"], 0)


@ATTEMPTS.add
def signal_by_the_oldcall(command: Command) -> object:
    """Send a signal with the older system call."""
    return call("tkill", command["worker"], 0)


@ATTEMPTS.add
def queued_signal(command: Command) -> object:
    """Send a signal with data."""
    return call("rt_sigqueueinfo", command["worker"], 0, ctypes.create_string_buffer(128))


@ATTEMPTS.add
def signal_by_descriptor(command: Command) -> object:
    """Send a signal by a descriptor of the process."""
    return call("pidfd_send_signal", call("pidfd_open", command["worker"], 0), 0, None, 0)


@ATTEMPTS.add
def signal_by_a_pipe(command: Command) -> object:
    """Have the kernel signal the worker when a pipe becomes readable."""
    import fcntl  # noqa: PLC0415 - only this attempt needs it

    return fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, command["worker"])


@ATTEMPTS.add
def slower_worker(command: Command) -> None:
    """Lower the scheduling priority of the worker."""
    os.setpriority(os.PRIO_PROCESS, command["worker"], 19)


@ATTEMPTS.add
def limits_of_the_worker(command: Command) -> object:
    """Change the limits of another process."""
    return resource.prlimit(command["worker"], resource.RLIMIT_CORE, (0, 0))
