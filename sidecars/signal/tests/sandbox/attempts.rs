//! What is tried inside the sandbox, and what should come of it.
//!
//! Must never: try what would hurt a machine that lets it through. Each runs in a process of its
//! own, in a folder of its own.

use crate::World;
use crate::sys;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::{Duration, SystemTime};

/// What should come of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    Refused,
    Killed,
    Aborted,
}

pub(crate) struct Attempt {
    pub(crate) name: &'static str,
    pub(crate) fate: Fate,
    pub(crate) act: fn(&World) -> io::Result<()>,
}

const fn attempt(name: &'static str, fate: Fate, act: fn(&World) -> io::Result<()>) -> Attempt {
    Attempt { name, fate, act }
}

const fn no(name: &'static str, act: fn(&World) -> io::Result<()>) -> Attempt {
    attempt(name, Fate::Refused, act)
}

const fn deadly(name: &'static str, act: fn(&World) -> io::Result<()>) -> Attempt {
    attempt(name, Fate::Killed, act)
}

const fn yes(name: &'static str, act: fn(&World) -> io::Result<()>) -> Attempt {
    attempt(name, Fate::Done, act)
}

fn read(world: &World, name: &str) -> io::Result<()> {
    let mut text = String::new();
    File::open(world.path(name))?.read_to_string(&mut text)?;
    assert_eq!(text, "content");
    Ok(())
}

fn write(world: &World, name: &str, options: &mut OpenOptions) -> io::Result<()> {
    options.open(world.path(name)).map(drop)
}

pub(crate) const FORBIDDEN: [Attempt; 62] = [
    no("read_a_file_outside", |w| read(w, "secret")),
    no("read_through_a_link", |w| read(w, "models/out")),
    no("read_through_dots", |w| read(w, "models/../secret")),
    no("read_beside_the_socket", |w| read(w, "run/record")),
    no("list_a_folder_outside", |w| fs::read_dir(&w.folder).map(drop)),
    no("read_another_process", |_| {
        fs::read(format!("/proc/{}/status", std::os::unix::process::parent_id())).map(drop)
    }),
    no("read_a_device", |_| File::open("/dev/zero").map(drop)),
    no("make_a_file", |w| write(w, "new", OpenOptions::new().write(true).create_new(true))),
    no("make_a_file_beside_the_socket", |w| {
        write(w, "run/new", OpenOptions::new().write(true).create_new(true))
    }),
    no("write_a_model", |w| write(w, "models/model.onnx", OpenOptions::new().write(true))),
    no("append_to_a_model", |w| write(w, "models/model.onnx", OpenOptions::new().append(true))),
    no("cut_a_model", |w| sys::truncate(&w.path("models/model.onnx"))),
    no("write_a_model_unseen", |w| sys::openat2(&w.path("models/model.onnx"), libc::O_WRONLY)),
    no("make_a_nameless_file", |w| sys::nameless(&w.path("models"))),
    no("delete_a_model", |w| fs::remove_file(w.path("models/model.onnx"))),
    no("delete_beside_the_socket", |w| fs::remove_file(w.path("run/record"))),
    no("rename_a_model", |w| fs::rename(w.path("models/model.onnx"), w.path("models/other"))),
    no("make_a_folder", |w| fs::create_dir(w.path("models/new"))),
    no("make_a_link", |w| std::os::unix::fs::symlink("/", w.path("models/new"))),
    no("make_a_second_name", |w| fs::hard_link(w.path("secret"), w.path("models/new"))),
    no("change_a_mode", |w| {
        fs::set_permissions(w.path("models/model.onnx"), fs::Permissions::from_mode(0o777))
    }),
    no("change_a_time", |w| {
        File::open(w.path("models/model.onnx"))?.set_modified(SystemTime::UNIX_EPOCH)
    }),
    no("open_an_internet_socket", |_| sys::socket(libc::AF_INET, libc::SOCK_STREAM)),
    no("open_an_internet_6_socket", |_| sys::socket(libc::AF_INET6, libc::SOCK_DGRAM)),
    no("open_a_netlink_socket", |_| sys::socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    no("open_a_vsock_socket", |_| sys::socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    no("open_a_packet_socket", |_| sys::socket(libc::AF_PACKET, libc::SOCK_RAW)),
    no("connect_to_a_socket", |w| UnixStream::connect(w.path("control.sock")).map(drop)),
    no("send_to_an_address", |w| {
        UnixDatagram::unbound()?.send_to(b"x", w.path("log.sock")).map(drop)
    }),
    no("send_by_message", |w| sys::sendmsg(&w.path("log.sock"))),
    no("listen_elsewhere", |w| UnixListener::bind(w.path("run/other.sock")).map(drop)),
    no("make_a_ring", |_| sys::io_uring_setup()),
    no("fork", |_| sys::fork()),
    no("fork_unseen", |_| sys::clone3()),
    no("signal_another_process", |_| sys::kill_nothing(std::os::unix::process::parent_id())),
    no("look_at_another_s_limits", |_| sys::limits_of(std::os::unix::process::parent_id())),
    no("change_what_may_be_dumped", |_| sys::set_dumpable()),
    no("change_the_mask_of_modes", |_| sys::plain(libc::SYS_umask, [0o22; 6])),
    no("make_a_file_in_memory", |_| sys::memfd()),
    no("map_memory_to_run", |_| sys::map_to_run()),
    no("make_memory_runnable", |_| sys::protect_to_run()),
    deadly("run_a_program", |_| sys::execve()),
    deadly("run_a_descriptor", |_| sys::plain(libc::SYS_execveat, [usize::MAX, 0, 0, 0, 0, 0])),
    // Of no process: a child that asks to be traced would stand still where nothing refuses it.
    deadly("trace", |_| sys::plain(libc::SYS_ptrace, [16, 0, 0, 0, 0, 0])),
    deadly("read_another_s_memory", |_| sys::vm_read(std::os::unix::process::parent_id())),
    deadly("write_another_s_memory", |_| sys::plain(libc::SYS_process_vm_writev, [0; 6])),
    deadly("take_another_s_descriptor", |_| {
        sys::plain(libc::SYS_pidfd_getfd, [usize::MAX, 0, 0, 0, 0, 0])
    }),
    deadly("mount", |_| sys::plain(libc::SYS_mount, [0; 6])),
    deadly("unmount", |_| sys::plain(libc::SYS_umount2, [0; 6])),
    deadly("change_the_root", |_| sys::plain(libc::SYS_chroot, [0; 6])),
    deadly("pivot_the_root", |_| sys::plain(libc::SYS_pivot_root, [0; 6])),
    deadly("open_by_handle", |_| sys::plain(libc::SYS_open_by_handle_at, [usize::MAX; 6])),
    deadly("unshare", |_| sys::plain(libc::SYS_unshare, [0; 6])),
    deadly("enter_a_name_space", |_| sys::plain(libc::SYS_setns, [usize::MAX, 0, 0, 0, 0, 0])),
    deadly("load_a_kernel_program", |_| sys::plain(libc::SYS_bpf, [usize::MAX, 0, 0, 0, 0, 0])),
    deadly("count_kernel_events", |_| sys::plain(libc::SYS_perf_event_open, [0; 6])),
    deadly("handle_page_faults", |_| sys::plain(libc::SYS_userfaultfd, [0; 6])),
    deadly("use_a_key", |_| sys::plain(libc::SYS_keyctl, [usize::MAX, 0, 0, 0, 0, 0])),
    deadly("add_a_key", |_| sys::plain(libc::SYS_add_key, [0; 6])),
    deadly("load_a_module", |_| sys::plain(libc::SYS_init_module, [0, 0, 0, 0, 0, 0])),
    deadly("type_into_a_terminal", |_| sys::ioctl(libc::TIOCSTI)),
    deadly("advise_another_s_memory", |_| {
        sys::plain(libc::SYS_process_madvise, [usize::MAX, 0, 0, 0, 0, 0])
    }),
];

pub(crate) const NEEDED: [Attempt; 15] = [
    yes("read_a_model", |w| read(w, "models/model.onnx")),
    yes("list_the_models", |w| {
        assert_eq!(fs::read_dir(w.path("models"))?.count(), 2);
        Ok(())
    }),
    yes("open_a_model_beneath", |w| sys::openat2(&w.path("models/model.onnx"), libc::O_RDONLY)),
    yes("look_at_a_model", |w| {
        assert_eq!(fs::metadata(w.path("models/model.onnx"))?.len(), 7);
        fs::read_link(w.path("models/out")).map(drop)
    }),
    yes("load_on_a_new_thread", |w| {
        std::thread::scope(|scope| scope.spawn(|| read(w, "models/model.onnx")).join().unwrap())
    }),
    yes("start_named_threads", |_| {
        for count in 0..8 {
            let name = format!("pool-{count}");
            std::thread::Builder::new().name(name).spawn(|| ())?.join().unwrap();
        }
        Ok(())
    }),
    yes("talk_over_a_pair_of_sockets", |_| {
        let (mut one, mut other) = UnixStream::pair()?;
        one.write_all(b"x")?;
        other.read_exact(&mut [0])
    }),
    yes("open_a_unix_socket", |_| sys::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET)),
    yes("wait_for_a_moment", |_| {
        let (_sender, nothing) = std::sync::mpsc::channel::<()>();
        assert!(nothing.recv_timeout(Duration::from_millis(1)).is_err());
        Ok(())
    }),
    yes("use_much_memory", |_| {
        let cells = vec![1_u8; 64 << 20];
        assert_eq!(cells.iter().step_by(4096).map(|c| usize::from(*c)).sum::<usize>(), 16 << 10);
        Ok(())
    }),
    yes("count_the_processors", |_| std::thread::available_parallelism().map(drop)),
    yes("say_a_line", |_| io::stderr().write_all(b"a line of the log\n")),
    yes("append_to_the_open_record", |w| {
        (&w.record).write_all(b"a line\n")?;
        w.record.sync_data()
    }),
    yes("look_at_memory_again", |w| {
        let mut head = [0; 9];
        w.facts.read_exact_at(&mut head, 0)?;
        assert_eq!(&head, b"MemTotal:");
        Ok(())
    }),
    attempt("abort", Fate::Aborted, |_| std::process::abort()),
];

pub(crate) const ON_A_GPU: [Attempt; 7] = [
    yes("use_its_node", |_| {
        OpenOptions::new().read(true).write(true).open("/dev/zero")?.read_exact(&mut [0])
    }),
    yes("map_code_it_compiled", |_| sys::map_to_run()),
    no("use_another_node", |_| {
        OpenOptions::new().read(true).write(true).open("/dev/full").map(drop)
    }),
    no("write_a_model_all_the_same", |w| {
        write(w, "models/model.onnx", OpenOptions::new().read(true).write(true))
    }),
    no("make_a_file_all_the_same", |w| {
        write(w, "models/new", OpenOptions::new().read(true).write(true).create_new(true))
    }),
    deadly("run_a_program_all_the_same", |_| sys::execve()),
    deadly("type_into_a_terminal_all_the_same", |_| sys::ioctl(libc::TIOCSTI)),
];
