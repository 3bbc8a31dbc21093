//! Links on this host: both ends of each mode.
//!
//! Must never: reach for another host (see `hosts`). Runs before a measurement; allocates.

use super::end::{Descriptors, End, Gone, PATIENCE, Wait};
use super::shared::SharedEnd;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Mode {
    /// TCP, without Nagle's delay.
    Tcp,
    /// UDP, both sockets connected.
    Udp,
    /// Unix socket that carries bytes.
    UnixStream,
    /// Unix socket that carries datagrams.
    UnixDatagram,
    /// Unix socket that carries messages in order.
    UnixSeqpacket,
    /// Two pipes.
    Pipe,
    /// The rings in shared memory that carry frames between engine and sidecar.
    SharedMemory,
}

impl Mode {
    /// The name on the command line and in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UnixStream => "unix_stream",
            Self::UnixDatagram => "unix_datagram",
            Self::UnixSeqpacket => "unix_seqpacket",
            Self::Pipe => "pipe",
            Self::SharedMemory => "shared_memory",
        }
    }

    /// Whether it can go over a network.
    #[must_use]
    pub const fn is_network(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }

    /// Whether sfnt-pingpong has this mode too.
    #[must_use]
    pub const fn in_sfnt(self) -> bool {
        !matches!(self, Self::UnixSeqpacket | Self::SharedMemory)
    }

    /// Why messages of `size` bytes cannot go this way.
    #[must_use]
    pub fn refuses(self, size: usize) -> Option<&'static str> {
        const MOST: usize = 65_536;
        if !(1..=MOST).contains(&size) {
            return Some("1 to 65536 bytes");
        }
        if self == Self::Udp && !(8..=65_507).contains(&size) {
            return Some("8 to 65507 bytes with udp: a number tells a late message from its own");
        }
        if self == Self::SharedMemory && (!size.is_multiple_of(8) || size > 16_384) {
            return Some("multiples of 8 up to 16384 bytes with shared_memory");
        }
        None
    }
}

/// Both ends of a link.
pub type Ends = (Box<dyn End>, Box<dyn End>);

/// Makes both ends of a link of `mode` for messages of `size` bytes.
///
/// # Errors
/// The kernel's refusal.
pub fn ends(mode: Mode, wait: Wait, size: usize) -> io::Result<Ends> {
    let is_datagram = matches!(mode, Mode::Udp | Mode::UnixDatagram | Mode::UnixSeqpacket);
    let (one, other): (OwnedFd, OwnedFd) = match mode {
        Mode::Tcp => {
            let (client, server) = tcp()?;
            prepare(&client, &server, |s| tune_tcp(s, wait))?;
            (client.into(), server.into())
        }
        Mode::Udp => {
            let (client, server) = udp()?;
            prepare(&client, &server, |s| tune_udp(s, wait))?;
            (client.into(), server.into())
        }
        Mode::UnixStream => {
            let (client, server) = UnixStream::pair()?;
            (client.into(), server.into())
        }
        Mode::UnixDatagram => {
            let (client, server) = UnixDatagram::pair()?;
            (client.into(), server.into())
        }
        Mode::UnixSeqpacket => rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?,
        Mode::Pipe => return pipes(wait, size),
        Mode::SharedMemory => {
            let (client, server) = SharedEnd::pair(wait)?;
            return Ok((Box::new(client), Box::new(server)));
        }
    };
    for fd in [&one, &other] {
        rustix::io::ioctl_fionbio(fd, wait == Wait::Spinning)?;
    }
    let gone = Gone::default();
    let end = |fd| Descriptors::socket(fd, wait, is_datagram, size, gone.clone());
    Ok((Box::new(end(one)?), Box::new(end(other)?)))
}

fn prepare<S>(one: &S, other: &S, tune: impl Fn(&S) -> io::Result<()>) -> io::Result<()> {
    tune(one)?;
    tune(other)
}

/// Sets what a TCP end needs.
///
/// # Errors
/// The kernel's refusal.
pub fn tune_tcp(stream: &TcpStream, wait: Wait) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nonblocking(wait == Wait::Spinning)
}

/// Sets what a UDP end needs.
///
/// # Errors
/// The kernel's refusal.
pub fn tune_udp(socket: &UdpSocket, wait: Wait) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nonblocking(wait == Wait::Spinning)
}

fn tcp() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, from) = listener.accept()?;
    if from != client.local_addr()? {
        return Err(io::Error::other("somebody else connected to the port of this measurement"));
    }
    Ok((client, server))
}

fn udp() -> io::Result<(UdpSocket, UdpSocket)> {
    let (one, other) =
        (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    Ok((one, other))
}

fn pipes(wait: Wait, size: usize) -> io::Result<Ends> {
    let (there, back) = (io::pipe()?, io::pipe()?);
    let gone = Gone::default();
    let end = |read: OwnedFd, write: OwnedFd| -> io::Result<Box<dyn End>> {
        for fd in [&read, &write] {
            rustix::io::ioctl_fionbio(fd, wait == Wait::Spinning)?;
        }
        Ok(Box::new(Descriptors::pipes(read, write, wait, size, gone.clone())))
    };
    Ok((end(back.0.into(), there.1.into())?, end(there.0.into(), back.1.into())?))
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn sizes_that_cannot_go_are_refused() {
        assert!(Mode::Tcp.refuses(0).is_some() && Mode::Tcp.refuses(65_537).is_some());
        assert!(Mode::Tcp.refuses(1).is_none() && Mode::Pipe.refuses(65_536).is_none());
        assert!(Mode::Udp.refuses(7).is_some() && Mode::Udp.refuses(65_507).is_none());
        assert!(Mode::SharedMemory.refuses(60).is_some());
        assert!(Mode::SharedMemory.refuses(64).is_none());
    }
}
