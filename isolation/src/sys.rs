//! The crate's system calls: what a card and the clock say of themselves.
//!
//! The only file of this crate that may hold `unsafe`. Must never: set anything; each call asks.
#![expect(unsafe_code, reason = "raw system calls; the house rules name this file")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;

/// Words of the longest answer asked for.
pub(crate) const WORDS: usize = 24;
/// Commands of `SIOCETHTOOL`, each of which asks.
pub(crate) mod command {
    pub(crate) const COALESCE: u32 = 0x0e;
    pub(crate) const RINGS: u32 = 0x10;
    pub(crate) const PAUSE: u32 = 0x12;
    pub(crate) const FLAGS: u32 = 0x25;
    pub(crate) const GRO: u32 = 0x2b;
    pub(crate) const TIME: u32 = 0x41;
}
const SIOCETHTOOL: libc::Ioctl = 0x8946;

/// What a network card says to a command: the words of its answer, the command first.
///
/// # Errors
/// What the kernel says: `EOPNOTSUPP` where the driver does not tell, `ENODEV` without such a card.
pub(crate) fn ethtool(card: &str, command: u32) -> io::Result<[u32; WORDS]> {
    let mut words = [0_u32; WORDS];
    words[0] = command;
    let mut request = MaybeUninit::<libc::ifreq>::zeroed();
    // JUSTIFICATION: the structure has a union, which safe code cannot make.
    // SAFETY: it is plain bytes and pointers; all zero is a valid value.
    let request = unsafe { request.assume_init_mut() };
    let room = request.ifr_name.len() - 1;
    let name = card.bytes().take(room).map(libc::c_char::try_from);
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = from.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    }
    request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
    // Any socket will do; one of this kind reaches no network.
    let socket = UnixDatagram::unbound()?;
    // JUSTIFICATION: no safe binding of this request is in the tree.
    // SAFETY: the kernel writes at most the structure of the command, and each named here is
    // shorter than `words`; both live until the call is over.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, request) };
    if done == 0 { Ok(words) } else { Err(io::Error::last_os_error()) }
}

/// What the kernel's clock says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Whether a daemon disciplines it.
    pub(crate) is_synchronised: bool,
    /// Bound of its error, in microseconds, as the daemon says.
    pub(crate) error_us_max: i64,
}

/// Asks the clock; sets nothing.
///
/// # Errors
/// What the kernel says.
pub(crate) fn clock() -> io::Result<Clock> {
    let mut clock = MaybeUninit::<libc::timex>::zeroed();
    // JUSTIFICATION: no safe binding is in the tree.
    // SAFETY: the structure is zeroed, which is valid and asks for no change, and outlives the
    // call.
    let state = unsafe { libc::adjtimex(clock.as_mut_ptr()) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    // JUSTIFICATION: the kernel filled it.
    // SAFETY: it was zeroed, which is a valid value, before the kernel wrote it.
    let clock = unsafe { clock.assume_init() };
    let is_synchronised = clock.status & libc::STA_UNSYNC == 0;
    Ok(Clock { is_synchronised, error_us_max: clock.maxerror })
}
