//! Two hosts: the answering side (`--bind`) and the way to it (`--connect`).
//!
//! ```text
//! client  TCP to ADDR             "corelane-pingpong 1\n"
//! server                          "corelane-pingpong 1\n"
//! client  for each size           "run MODE SIZE WAIT\n"
//! server                          "ready ONLOAD\n"  or  "refused WHY\n"
//! client  a second connection to ADDR, or datagrams to the same port; ends it when done
//! client  closes the first        the session is over
//! ```
//!
//! Must never: answer a peer that did not open the session, take a line of more than 128 bytes, or
//! send what was not sent to it. For a test network: there is no authentication.

use super::end::{Descriptors, End, Gone, PATIENCE, Wait};
use super::link::Onload;
use super::local::{Mode, tune_tcp, tune_udp};
use super::measure::echo;
use clap::ValueEnum as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

const GREETING: &str = "corelane-pingpong 2";
/// The answering side may be connected to.
const READY: &str = "ready";
/// The sockets of a link are Onload's, or the kernel's.
const ONLOAD: &str = "socket onload";
const KERNEL: &str = "socket kernel";
/// Bytes of a line at most.
const LINE: u64 = 128;
/// Seconds without a word after which a session is over.
const IDLE: Duration = Duration::from_mins(1);

/// The session's own connection.
#[derive(Debug)]
struct Control {
    lines: BufReader<TcpStream>,
    peer: SocketAddr,
}

impl Control {
    fn new(stream: TcpStream) -> io::Result<Self> {
        let peer = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IDLE))?;
        Ok(Self { lines: BufReader::new(stream), peer })
    }

    /// The next line; `None` where the peer closed.
    fn hear(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let got = self.lines.by_ref().take(LINE).read_line(&mut line)?;
        match line.strip_suffix('\n') {
            Some(line) => Ok(Some(line.to_owned())),
            None if got == 0 => Ok(None),
            None => Err(io::Error::new(ErrorKind::InvalidData, "a line that does not end")),
        }
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.lines.get_mut().write_all(format!("{line}\n").as_bytes())
    }

    fn greet(&mut self) -> io::Result<()> {
        self.say(GREETING)?;
        match self.hear()? {
            Some(line) if line == GREETING => Ok(()),
            Some(line) => {
                let what = format!("the peer says {line:?} for {GREETING:?}");
                Err(io::Error::new(ErrorKind::InvalidData, what))
            }
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The measuring side's session with an answering host.
#[derive(Debug)]
pub struct Session {
    control: Control,
    /// Whether the answering side's sockets were Onload's in the last run.
    pub is_peer_accelerated: bool,
}

impl Session {
    /// Opens it.
    ///
    /// # Errors
    /// No connection, or a peer that is no `corelane pingpong --bind` of this version.
    pub fn open(to: SocketAddr) -> io::Result<Self> {
        let mut control = Control::new(TcpStream::connect(to)?)?;
        control.greet()?;
        Ok(Self { control, is_peer_accelerated: false })
    }

    /// A link of this session for messages of `size` bytes.
    ///
    /// # Errors
    /// The peer's refusal, or the kernel's.
    pub fn link(&mut self, mode: Mode, wait: Wait, size: usize) -> io::Result<Box<dyn End>> {
        self.control.say(&format!("run {} {size} {}", mode.name(), wait.name()))?;
        let answer = self.control.hear()?.ok_or(ErrorKind::UnexpectedEof)?;
        if answer != READY {
            return Err(io::Error::other(format!("the peer says {answer:?}")));
        }
        let gone = Gone::default();
        let is_datagram = mode == Mode::Udp;
        let fd = if is_datagram {
            let local = self.control.lines.get_ref().local_addr()?.ip();
            let socket = UdpSocket::bind((local, 0))?;
            socket.connect(self.control.peer)?;
            tune_udp(&socket, wait)?;
            socket.into()
        } else {
            let stream = TcpStream::connect(self.control.peer)?;
            tune_tcp(&stream, wait)?;
            stream.into()
        };
        // Said once the peer has the socket of this link.
        self.is_peer_accelerated = match self.control.hear()?.as_deref() {
            Some(ONLOAD) => true,
            Some(KERNEL) => false,
            other => return Err(io::Error::other(format!("the peer says {other:?}"))),
        };
        Ok(Box::new(Descriptors::socket(fd, wait, is_datagram, size, gone)?))
    }
}

/// The answering side.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn bind(at: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(at)? })
    }

    /// Where.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves one session to its end; the address of the client.
    ///
    /// # Errors
    /// A client that breaks the rules or is gone before its time.
    pub fn session(&self) -> io::Result<SocketAddr> {
        let (stream, from) = self.listener.accept()?;
        let mut control = Control::new(stream)?;
        control.greet()?;
        while let Some(line) = control.hear()? {
            match asked(&line) {
                Ok((mode, size, wait)) => self.run(&mut control, mode, size, wait)?,
                Err(why) => control.say(&format!("refused {why}"))?,
            }
        }
        Ok(from)
    }

    fn run(&self, control: &mut Control, mode: Mode, size: usize, wait: Wait) -> io::Result<()> {
        let gone = Gone::default();
        if mode == Mode::Udp {
            let local = control.lines.get_ref().local_addr()?;
            let socket = UdpSocket::bind(local)?;
            control.say(READY)?;
            control.say(stack())?;
            return datagrams(&socket, control, size, wait, &gone);
        }
        control.say(READY)?;
        let stream = loop {
            if !waits(&self.listener, PATIENCE)? {
                return Err(ErrorKind::TimedOut.into());
            }
            let (stream, from) = self.listener.accept()?;
            if from.ip() == control.peer.ip() {
                break stream;
            }
        };
        control.say(stack())?;
        tune_tcp(&stream, wait)?;
        let mut end = Descriptors::socket(stream.into(), wait, false, size, gone)?;
        echo(&mut end, size)
    }
}

/// What this side says of the stack of its sockets, that of the link among them.
fn stack() -> &'static str {
    if Onload::look().accelerates() { ONLOAD } else { KERNEL }
}

/// Sends datagrams back until the client ends the link, or says something else.
fn datagrams(
    socket: &UdpSocket,
    control: &Control,
    size: usize,
    wait: Wait,
    gone: &Gone,
) -> io::Result<()> {
    let mut first = vec![0; size + 1];
    socket.set_read_timeout(Some(PATIENCE))?;
    let from = loop {
        match socket.recv_from(&mut first) {
            Ok((got, from)) if from.ip() == control.peer.ip() && got == size => break from,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if waits(control.lines.get_ref(), Duration::ZERO)? {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    };
    socket.connect(from)?;
    socket.send(first.get(..size).unwrap_or_default())?;
    tune_udp(socket, wait)?;
    let fd = socket.try_clone()?.into();
    let mut end = Descriptors::socket(fd, wait, true, size, gone.clone())?;
    loop {
        match echo(&mut end, size) {
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                // The datagram that ends the link may be the one that was lost.
                if waits(control.lines.get_ref(), Duration::ZERO)? {
                    return Ok(());
                }
            }
            other => return other,
        }
    }
}

/// Whether something can be read within `time`.
fn waits(fd: &impl AsFd, time: Duration) -> io::Result<bool> {
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    let mut watched = [PollFd::new(fd, PollFlags::IN)];
    Ok(poll(&mut watched, Some(&time))? > 0)
}

/// What a line asks for.
fn asked(line: &str) -> Result<(Mode, usize, Wait), &'static str> {
    let words: Vec<&str> = line.split(' ').collect();
    let &["run", mode, size, wait] = words.as_slice() else { return Err("unknown request") };
    let mode = Mode::from_str(mode, false).ok().filter(|mode| mode.is_network());
    let mode = mode.ok_or("no mode of a network")?;
    let size = size.parse().map_err(|_| "no size")?;
    let wait = Wait::from_str(wait, false).map_err(|_| "no way to wait")?;
    mode.refuses(size).map_or(Ok((mode, size, wait)), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_answered_is_taken() {
        assert_eq!(asked("run tcp 64 spinning"), Ok((Mode::Tcp, 64, Wait::Spinning)));
        assert_eq!(asked("run udp 64 io-uring"), Ok((Mode::Udp, 64, Wait::IoUring)));
        for wrong in [
            "",
            "run",
            "run tcp 64",
            "run pipe 64 blocking",
            "run tcp 0 blocking",
            "run tcp 99999999999999999999 blocking",
            "run udp 4 blocking",
            "stop tcp 64 blocking",
            "run tcp 64 sleeping",
            "run tcp 64 blocking more",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stranger_is_turned_away() {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let to = server.address().unwrap();
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| server.session());
            let mut stranger = TcpStream::connect(to).unwrap();
            stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let error = serving.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            let serving = scope.spawn(|| server.session());
            let mut flood = TcpStream::connect(to).unwrap();
            flood.write_all(&[b'x'; 4_096]).unwrap();
            assert!(serving.join().unwrap().is_err());
        });
    }
}
