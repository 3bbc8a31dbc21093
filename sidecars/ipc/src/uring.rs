//! The `io_uring` back end: one receive per connection and one readiness poll per listener stay
//! in flight and are armed again after each completion. The first message of an accepted connection
//! is waited for by a readiness poll too, and taken by a plain call: a descriptor may come with it.
//!
//! The ring is made for these and for cancelling them, and takes no other operation.
//! Sending is a plain libc `send`: for one small message a ring is a wrapped call, and the answer
//! "full" is wanted at once. Must never: free a buffer that an operation in flight may still write
//! (its slot is kept until the completion arrives), start kernel polling threads, or grow the ring.
//! Runs on the thread that made it (`SINGLE_ISSUER`). A poll allocates nothing.
#![allow(unsafe_code, reason = "pushing an entry into the submission ring is unsafe in io-uring")]

use crate::backend::{IoBackend, IoEvent, Token};
use crate::buffer::FrameBuffer;
use crate::epoll::accept_all;
use crate::error::{IpcError, SendError};
use crate::slots::{LIMIT, Slots};
use crate::socket::{Connection, Listener, PeerCred, Received, Sent, is_gone, received};
use crate::sys;
use io_uring::register::Restriction;
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Entries of the submission ring.
const ENTRIES: u32 = 64;
/// Completion tag of a cancel: no token has this value, generations start at 1.
const CANCEL: u64 = 0;
/// Most completions one poll handles.
const BURST: usize = 64;
/// Waits for cancelled operations when the back end is dropped, before buffers are left behind.
const DRAIN_ROUNDS: usize = 64;

#[derive(Debug)]
enum Socket {
    Listener(Listener),
    Connection(Connection, FrameBuffer),
}

#[derive(Debug)]
struct Slot {
    socket: Socket,
    /// An operation of this slot is in flight, or queued to be.
    armed: bool,
    /// Removed by the owner; only waits for its completion.
    removed: bool,
}

/// See the module.
pub struct UringBackend {
    ring: IoUring,
    slots: Slots<Slot>,
    /// `SINGLE_ISSUER` binds the ring to its thread: not `Send`.
    _thread: PhantomData<*const ()>,
}

impl UringBackend {
    /// An empty set with a ring of its own.
    ///
    /// # Errors
    /// [`IpcError::UringRefused`] where the kernel is too old or the container forbids it.
    pub fn new() -> Result<Self, IpcError> {
        let ring = build_ring()?;
        if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
            return Err(IpcError::UringRefused {
                what: "waiting with a timeout (kernel 5.11 is needed)",
                source: io::Error::from_raw_os_error(libc::ENOSYS),
            });
        }
        Ok(Self { ring, slots: Slots::new(), _thread: PhantomData })
    }

    fn add(&mut self, socket: Socket) -> Result<Token, IpcError> {
        let token = self.slots.insert(Slot { socket, armed: false, removed: false })?;
        if let Err(error) = self.arm(token) {
            self.slots.remove(token);
            return Err(error);
        }
        Ok(token)
    }

    /// Queues the slot's operation; the next poll submits it.
    fn arm(&mut self, token: Token) -> Result<(), IpcError> {
        let Some(slot) = self.slots.get_mut(token) else {
            return Ok(());
        };
        let readiness = |fd: BorrowedFd<'_>| {
            let events = u32::from(libc::POLLIN.unsigned_abs());
            opcode::PollAdd::new(Fd(fd.as_raw_fd()), events).build()
        };
        let entry = match &mut slot.socket {
            Socket::Listener(listener) => readiness(listener.as_fd()),
            Socket::Connection(connection, _) if connection.is_new() => {
                readiness(connection.as_fd())
            }
            Socket::Connection(connection, buffer) => {
                let bytes = buffer.bytes_mut();
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                opcode::Recv::new(Fd(connection.as_fd().as_raw_fd()), bytes.as_mut_ptr(), len)
                    .flags(libc::MSG_TRUNC)
                    .build()
            }
        };
        slot.armed = true;
        let pushed = self.push(&entry.user_data(token.raw()));
        if pushed.is_err()
            && let Some(slot) = self.slots.get_mut(token)
        {
            slot.armed = false;
        }
        pushed
    }

    fn push(&mut self, entry: &squeue::Entry) -> Result<(), IpcError> {
        if self.ring.submission().is_full() {
            self.submit()?;
        }
        let mut queue = self.ring.submission();
        // JUSTIFICATION: the io-uring crate has no safe way to submit; that is what this back end
        // is for.
        // SAFETY: the entry's descriptor and buffer belong to a slot that is kept, with its buffer
        // at the same place on the heap, until the completion of this entry has arrived (`retire`,
        // `drop`); nobody reads or writes the buffer in between. Cancels have no memory.
        let pushed = unsafe { queue.push(entry) };
        pushed.map_err(|_full| IpcError::Call {
            call: "io_uring submission",
            source: io::Error::from_raw_os_error(libc::EBUSY),
        })
    }

    fn submit(&self) -> Result<(), IpcError> {
        settle(self.ring.submit())
    }

    /// Submits what is queued and waits as told; skips the system call where there is nothing to
    /// submit and the kernel has posted no work for us.
    fn enter(&mut self, timeout: Option<Duration>) -> Result<(), IpcError> {
        let queue = self.ring.submission();
        let work = !queue.is_empty() || queue.taskrun() || queue.cq_overflow();
        drop(queue);
        let waiting = !self.ring.completion().is_empty();
        match timeout {
            _ if waiting => Ok(()),
            Some(Duration::ZERO) if !work => Ok(()),
            Some(Duration::ZERO) => self.submit(),
            Some(time) => {
                let timespec = Timespec::from(time);
                let args = SubmitArgs::new().timespec(&timespec);
                settle(self.ring.submitter().submit_with_args(1, &args))
            }
            None => settle(self.ring.submit_and_wait(1)),
        }
    }

    fn complete(
        &mut self,
        token: Token,
        result: i32,
        on_event: &mut dyn FnMut(Token, IoEvent<'_>),
    ) -> usize {
        let Some(slot) = self.slots.get_mut(token) else {
            return 0;
        };
        slot.armed = false;
        if slot.removed {
            self.slots.remove(token);
            return 0;
        }
        let (count, alive) = match &mut slot.socket {
            Socket::Listener(listener) => (accept_all(listener, token, on_event), true),
            Socket::Connection(connection, buffer) if connection.is_new() => {
                hand_on(connection.try_recv(buffer), token, on_event)
            }
            Socket::Connection(_, buffer) => hand_on(outcome(buffer, result), token, on_event),
        };
        if !alive {
            self.slots.remove(token);
            return count;
        }
        if let Err(error) = self.arm(token) {
            on_event(token, IoEvent::Failed(error));
            self.slots.remove(token);
            return count + 1;
        }
        count
    }

    fn cancel(&mut self, token: Token) {
        let entry = opcode::AsyncCancel::new(token.raw()).build().user_data(CANCEL);
        // A cancel that finds no room is tried again by `drop`; until then its slot just waits.
        let _tried_again = self.push(&entry).and_then(|()| self.submit());
    }

    fn armed(&self) -> impl Iterator<Item = Token> + '_ {
        (0..self.slots.places())
            .filter_map(|place| self.slots.token_at(place))
            .filter(|token| self.slots.get(*token).is_some_and(|slot| slot.armed))
    }
}

/// What a completed receive gave.
fn outcome(buffer: &FrameBuffer, result: i32) -> Result<Received<'_>, IpcError> {
    if let Ok(len) = usize::try_from(result) {
        return received(buffer, len);
    }
    let source = io::Error::from_raw_os_error(result.saturating_neg());
    match source.raw_os_error() {
        Some(libc::EAGAIN | libc::EINTR) => Ok(Received::WouldBlock),
        _ if is_gone(&source) => Ok(Received::Closed),
        _ => Err(IpcError::Call { call: "recv", source }),
    }
}

/// Hands one receive's outcome on; says whether the connection lives.
fn hand_on(
    outcome: Result<Received<'_>, IpcError>,
    token: Token,
    on_event: &mut dyn FnMut(Token, IoEvent<'_>),
) -> (usize, bool) {
    match outcome {
        Ok(Received::WouldBlock) => (0, true),
        Ok(Received::Frame(frame)) => {
            on_event(token, IoEvent::Frame(frame));
            (1, true)
        }
        Ok(Received::Closed) => {
            on_event(token, IoEvent::Closed);
            (1, false)
        }
        Err(error) => {
            on_event(token, IoEvent::Failed(error));
            (1, false)
        }
    }
}

/// The operations this back end submits. A ring takes no other: it would do for a process in a
/// sandbox what its system call filter refuses.
const OPERATIONS: [u8; 3] = [opcode::PollAdd::CODE, opcode::Recv::CODE, opcode::AsyncCancel::CODE];

fn build_ring() -> Result<IoUring, IpcError> {
    let ring = build_disabled()?;
    let submitter = ring.submitter();
    let mut restrictions = OPERATIONS.map(Restriction::sqe_op);
    submitter
        .register_restrictions(&mut restrictions)
        .and_then(|()| submitter.register_enable_rings())
        .map_err(|source| IpcError::UringRefused { what: "io_uring_register", source })?;
    Ok(ring)
}

fn build_disabled() -> Result<IoUring, IpcError> {
    let completions = u32::try_from(LIMIT * 2).unwrap_or(512);
    let mut best = IoUring::builder();
    best.setup_cqsize(completions)
        .setup_submit_all()
        .setup_r_disabled()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag();
    match best.build(ENTRIES) {
        Ok(ring) => return Ok(ring),
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {}
        Err(source) => {
            return Err(IpcError::UringRefused { what: "io_uring_setup", source });
        }
    }
    // Before Linux 6.1: completions arrive by interrupting this thread, slower but right.
    let mut plain = IoUring::builder();
    plain.setup_cqsize(completions).setup_r_disabled();
    plain.build(ENTRIES).map_err(|source| IpcError::UringRefused { what: "io_uring_setup", source })
}

/// A signal, the timeout and a full completion ring end a wait early; they are no errors.
fn settle(result: io::Result<usize>) -> Result<(), IpcError> {
    match result {
        Ok(_submitted) => Ok(()),
        Err(e) => match e.raw_os_error() {
            Some(libc::EINTR | libc::ETIME | libc::EBUSY | libc::EAGAIN) => Ok(()),
            _ => Err(IpcError::Call { call: "io_uring_enter", source: e }),
        },
    }
}

impl IoBackend for UringBackend {
    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn add_listener(&mut self, listener: Listener) -> Result<Token, IpcError> {
        self.add(Socket::Listener(listener))
    }

    fn add_connection(&mut self, connection: Connection) -> Result<Token, IpcError> {
        self.add(Socket::Connection(connection, FrameBuffer::new()))
    }

    fn poll(
        &mut self,
        timeout: Option<Duration>,
        on_event: &mut dyn FnMut(Token, IoEvent<'_>),
    ) -> Result<usize, IpcError> {
        self.enter(timeout)?;
        let mut count = 0;
        for _ in 0..BURST {
            let Some(entry) = self.ring.completion().next() else {
                break;
            };
            if entry.user_data() != CANCEL {
                count +=
                    self.complete(Token::from_raw(entry.user_data()), entry.result(), on_event);
            }
        }
        Ok(count)
    }

    fn send(&mut self, token: Token, frame: &[u8]) -> Result<Sent, SendError> {
        match self.slots.get(token) {
            Some(Slot { socket: Socket::Connection(connection, _), removed: false, .. }) => {
                connection.try_send(frame)
            }
            _ => Err(SendError::UnknownToken),
        }
    }

    fn remove(&mut self, token: Token) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        if slot.removed {
            return;
        }
        slot.removed = true;
        if let Socket::Connection(connection, _) = &slot.socket {
            sys::shutdown(connection.as_fd());
        }
        if slot.armed {
            self.cancel(token);
        } else {
            self.slots.remove(token);
        }
    }

    fn take_passed(&mut self, token: Token) -> Option<OwnedFd> {
        match &self.slots.get(token)?.socket {
            Socket::Connection(connection, _) => connection.take_passed(),
            Socket::Listener(_) => None,
        }
    }

    fn peer(&self, token: Token) -> Option<PeerCred> {
        match &self.slots.get(token)?.socket {
            Socket::Connection(connection, _) => Some(connection.peer()),
            Socket::Listener(_) => None,
        }
    }
}

impl Drop for UringBackend {
    fn drop(&mut self) {
        let tokens: Vec<Token> = self.armed().collect();
        for token in tokens {
            if let Some(slot) = self.slots.get_mut(token) {
                slot.removed = true;
            }
            self.cancel(token);
        }
        let mut nothing = |_: Token, _: IoEvent<'_>| {};
        for _ in 0..DRAIN_ROUNDS {
            if self.armed().next().is_none() {
                return;
            }
            if self.poll(Some(Duration::from_millis(10)), &mut nothing).is_err() {
                break;
            }
        }
        // The kernel still owns a buffer: leave all of them to it rather than free one under it.
        Box::leak(Box::new(std::mem::replace(&mut self.slots, Slots::new())));
    }
}

impl core::fmt::Debug for UringBackend {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UringBackend").field("places", &self.slots.places()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ring: &mut IoUring, entry: &squeue::Entry) -> i32 {
        // JUSTIFICATION: the io-uring crate has no safe way to submit.
        // SAFETY: the entries of this test name no memory and no descriptor that lives.
        unsafe { ring.submission().push(entry) }.unwrap();
        ring.submit_and_wait(1).unwrap();
        ring.completion().next().unwrap().result()
    }

    #[test]
    fn a_ring_takes_its_operations_and_no_other() {
        let mut ring = match build_ring() {
            Ok(ring) => ring,
            Err(error) => {
                eprintln!("SKIPPED a_ring_takes_its_operations_and_no_other: {error}");
                return;
            }
        };
        let family = libc::AF_INET;
        let foreign = [
            opcode::Nop::new().build(),
            opcode::Socket::new(family, libc::SOCK_STREAM, 0).build(),
            opcode::Close::new(Fd(-1)).build(),
        ];
        for entry in &foreign {
            assert_eq!(outcome(&mut ring, entry), -libc::EACCES, "refused as such");
        }
        let cancel = opcode::AsyncCancel::new(77).build();
        assert_eq!(outcome(&mut ring, &cancel), -libc::ENOENT, "done, and found nothing");
        assert!(ring.submitter().register_eventfd(0).is_err(), "nothing can be registered");
    }
}
