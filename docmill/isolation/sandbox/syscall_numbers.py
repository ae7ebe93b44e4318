"""System calls by number, on the two machines that Docmill has a filter for.

Sources: ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h`` of
Linux 6.18, whose last call is `LAST_REVIEWED`. `tests/isolation/test_seccomp.py` compares the
tables with the headers of its machine, and lists the calls that remain allowed.
"""

from typing import NamedTuple

LAST_REVIEWED = 469
"""``file_setattr``, on both machines. Later calls do not exist for an engine."""


class Numbers(NamedTuple):
    """The number of one call, or None where a machine has no such call."""

    x86_64: int | None
    aarch64: int | None


DENIED: dict[str, Numbers] = {
    name: Numbers(*numbers)
    for name, numbers in {
        # Sockets: the network, and services of this machine. `socketpair` has no other peer.
        "socket": (41, 198),
        "connect": (42, 203),
        "bind": (49, 200),
        "listen": (50, 201),
        "accept": (43, 202),
        "accept4": (288, 242),
        # Other processes: their memory, their descriptors, signals to them, their scheduling.
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "process_madvise": (440, 440),
        "process_mrelease": (448, 448),
        "pidfd_open": (434, 434),
        "pidfd_getfd": (438, 438),
        "pidfd_send_signal": (424, 424),
        "kcmp": (312, 272),
        "tkill": (200, 130),
        "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240),
        "setpriority": (141, 140),
        "ioprio_set": (251, 30),
        "sched_setparam": (142, 118),
        "sched_setscheduler": (144, 119),
        "sched_setattr": (314, 274),
        "sched_setaffinity": (203, 122),
        "migrate_pages": (256, 238),
        "move_pages": (279, 239),
        "setpgid": (109, 154),
        "setsid": (112, 157),
        # Programs and further processes; `clone` is filtered by its arguments.
        "execve": (59, 221),
        "execveat": (322, 281),
        "fork": (57, None),
        "vfork": (58, None),
        # Names, owners and attributes of files, which Landlock does not restrict: the calls would
        # affect every file of this user.
        "link": (86, None),
        "linkat": (265, 37),
        "mknod": (133, None),
        "mknodat": (259, 33),
        "chmod": (90, None),
        "fchmod": (91, 52),
        "fchmodat": (268, 53),
        "fchmodat2": (452, 452),
        "chown": (92, None),
        "lchown": (94, None),
        "fchown": (93, 55),
        "fchownat": (260, 54),
        "utime": (132, None),
        "utimes": (235, None),
        "futimesat": (261, None),
        "utimensat": (280, 88),
        "truncate": (76, 45),
        "setxattr": (188, 5),
        "lsetxattr": (189, 6),
        "fsetxattr": (190, 7),
        "setxattrat": (463, 463),
        "removexattr": (197, 14),
        "lremovexattr": (198, 15),
        "fremovexattr": (199, 16),
        "removexattrat": (466, 466),
        "file_setattr": (469, 469),
        "name_to_handle_at": (303, 264),
        "open_by_handle_at": (304, 265),
        "inotify_add_watch": (254, 27),
        "fanotify_init": (300, 262),
        "fanotify_mark": (301, 263),
        "quotactl": (179, 60),
        "quotactl_fd": (443, 443),
        # Mounts and namespaces.
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "unshare": (272, 97),
        "setns": (308, 268),
        "fsopen": (430, 430),
        "fsmount": (432, 432),
        "fsconfig": (431, 431),
        "fspick": (433, 433),
        "move_mount": (429, 429),
        "open_tree": (428, 428),
        "open_tree_attr": (467, 467),
        "mount_setattr": (442, 442),
        "statmount": (457, 457),
        "listmount": (458, 458),
        # Its own limits and identity.
        "setrlimit": (160, 164),
        "setuid": (105, 146),
        "setgid": (106, 144),
        "setreuid": (113, 145),
        "setregid": (114, 143),
        "setresuid": (117, 147),
        "setresgid": (119, 149),
        "setfsuid": (122, 151),
        "setfsgid": (123, 152),
        "setgroups": (116, 159),
        "capset": (126, 91),
        "personality": (135, 92),
        # Memory that no limit counts, or that is shared with others.
        "memfd_create": (319, 279),
        "memfd_secret": (447, 447),
        "shmget": (29, 194),
        "shmat": (30, 196),
        "shmctl": (31, 195),
        "shmdt": (67, 197),
        "msgget": (68, 186),
        "msgsnd": (69, 189),
        "msgrcv": (70, 188),
        "msgctl": (71, 187),
        "semget": (64, 190),
        "semop": (65, 193),
        "semtimedop": (220, 192),
        "semctl": (66, 191),
        "mq_open": (240, 180),
        "mq_unlink": (241, 181),
        "mq_timedsend": (242, 182),
        "mq_timedreceive": (243, 183),
        "mq_notify": (244, 184),
        "mq_getsetattr": (245, 185),
        "remap_file_pages": (216, 234),
        # Large parts of the kernel that no engine needs, and that most attacks on it use.
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "bpf": (321, 280),
        "userfaultfd": (323, 282),
        "perf_event_open": (298, 241),
        "keyctl": (250, 219),
        "add_key": (248, 217),
        "request_key": (249, 218),
        "modify_ldt": (154, None),
        "lookup_dcookie": (212, 18),
        "vmsplice": (278, 75),
        "uretprobe": (335, None),
        "lsm_set_self_attr": (460, 460),
        # The machine.
        "init_module": (175, 105),
        "finit_module": (313, 273),
        "delete_module": (176, 106),
        "kexec_load": (246, 104),
        "kexec_file_load": (320, 294),
        "reboot": (169, 142),
        "swapon": (167, 224),
        "swapoff": (168, 225),
        "acct": (163, 89),
        "syslog": (103, 116),
        "settimeofday": (164, 170),
        "clock_settime": (227, 112),
        "adjtimex": (159, 171),
        "clock_adjtime": (305, 266),
        "sethostname": (170, 161),
        "setdomainname": (171, 162),
        "iopl": (172, None),
        "ioperm": (173, None),
        "vhangup": (153, 58),
        "nfsservctl": (180, 42),
        "uselib": (134, None),
        "_sysctl": (156, None),
        "sysfs": (139, None),
        "ustat": (136, None),
        "create_module": (174, None),
        "get_kernel_syms": (177, None),
        "query_module": (178, None),
    }.items()
}
"""Calls that fail with EPERM, whatever their arguments are."""

PROGRAMS_NEED = frozenset({"execve", "execveat", "fork", "vfork", "setpgid", "setsid"})
"""Those of them that are allowed for an engine that starts a program."""

BY_ARGUMENT: dict[str, Numbers] = {
    "clone": Numbers(56, 220),
    "clone3": Numbers(435, 435),
    "kill": Numbers(62, 129),
    "tgkill": Numbers(234, 131),
    "prlimit64": Numbers(302, 261),
    "prctl": Numbers(157, 167),
    "fcntl": Numbers(72, 25),
    "ioctl": Numbers(16, 29),
}
"""Calls of which some uses are denied; see `docmill.isolation.sandbox.seccomp`."""

INSTALL = Numbers(317, 277)
"""``seccomp`` itself."""
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446
"""These three have the same numbers everywhere."""
