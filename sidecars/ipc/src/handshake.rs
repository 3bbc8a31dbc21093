//! The first two frames on every socket: who speaks, which wire version, which schema.
//!
//! The connecting side sends `Hello`, the listening side answers `HelloAck`; nothing else may come
//! before. Sans-I/O: frames in, frames out, moments from the caller. Must never: accept a role the
//! socket is not for (a role is bound to the socket, the frame only confirms it) or another schema.
//! Any thread; allocates once, in [`Identity::new`].

use bytemuck::Zeroable;
use wire::frame::{FrameHeader, WIRE_VERSION, schema_hash};
use wire::handshake::{Hello, HelloAck, HelloStatus, Role};
use wire::{DecodeError, Frame, decode};

/// What this process says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    role: Role,
    schema_hash: u64,
    model_hash: u64,
    generation: u32,
    backend: [u8; 48],
    shared_memory: bool,
}

impl Identity {
    /// A process without a model.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            schema_hash: schema_hash(),
            model_hash: 0,
            generation: 0,
            backend: [0; 48],
            shared_memory: false,
        }
    }

    /// The same, offering shared memory (in `Hello`) or having taken it (in `HelloAck`).
    #[must_use]
    pub fn with_shared_memory(mut self, shared_memory: bool) -> Self {
        self.shared_memory = shared_memory;
        self
    }

    /// A process that serves a model; `backend` is cut to 48 bytes at a character border.
    #[must_use]
    pub fn with_model(mut self, model_hash: u64, generation: u32, backend: &str) -> Self {
        self.model_hash = model_hash;
        self.generation = generation;
        self.backend = [0; 48];
        let mut end = backend.len().min(self.backend.len());
        while !backend.is_char_boundary(end) {
            end -= 1;
        }
        for (to, from) in self.backend.iter_mut().zip(backend.bytes().take(end)) {
            *to = from;
        }
        self
    }

    /// The first frame of the connecting side.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello {
            header: FrameHeader::new::<Hello>(),
            schema_hash: self.schema_hash,
            pid: std::process::id(),
            wire_version: u16::from(WIRE_VERSION),
            role: self.role.code(),
            shared_memory: u8::from(self.shared_memory),
            reserved: Zeroable::zeroed(),
        }
    }

    /// The answer of the listening side.
    #[must_use]
    pub fn ack(&self, status: HelloStatus) -> HelloAck {
        HelloAck {
            header: FrameHeader::new::<HelloAck>(),
            schema_hash: self.schema_hash,
            model_hash: self.model_hash,
            pid: std::process::id(),
            generation: self.generation,
            wire_version: u16::from(WIRE_VERSION),
            role: self.role.code(),
            status: status.code(),
            backend: self.backend,
            shared_memory: u8::from(self.shared_memory),
            reserved: Zeroable::zeroed(),
        }
    }
}

/// What the other side said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its role.
    pub role: Role,
    /// Its process id, by its own word.
    pub pid: u32,
    /// Its model's hash; 0 where it serves none.
    pub model_hash: u64,
    /// Its model's generation; 0 where it serves none.
    pub generation: u32,
    /// Its back end and provider, UTF-8, zero-padded.
    pub backend: [u8; 48],
    /// It offers shared memory (the connecting side), or has taken it (the listening side).
    pub shared_memory: bool,
}

impl PeerInfo {
    /// Back end and provider as text; empty where it is none or no UTF-8.
    #[must_use]
    pub fn backend_text(&self) -> &str {
        let end = self.backend.iter().position(|b| *b == 0).unwrap_or(self.backend.len());
        self.backend.get(..end).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The bytes are no frame.
    #[error("the peer's first frame cannot be decoded")]
    Decode(#[source] DecodeError),
    /// A frame, but not the one that belongs here.
    #[error("the peer's first frame is of another kind")]
    NotExpected,
    /// The two builds speak other wire versions.
    #[error("the peer speaks wire version {theirs}, this build speaks {WIRE_VERSION}")]
    Version {
        /// The peer's version.
        theirs: u16,
    },
    /// The two builds disagree on a layout.
    #[error("the peer's schema hash is {theirs:016x}, this build's is another")]
    Schema {
        /// The peer's hash.
        theirs: u64,
    },
    /// The peer plays another role than this socket is for.
    #[error("the peer's role does not belong on this socket")]
    Role,
    /// The listening side refused us.
    #[error("the peer refused the handshake: {}", .0.name())]
    Refused(HelloStatus),
}

impl HandshakeError {
    /// What the listening side answers.
    #[must_use]
    pub fn status(&self) -> Option<HelloStatus> {
        match self {
            Self::Version { .. } => Some(HelloStatus::Version),
            Self::Schema { .. } => Some(HelloStatus::Schema),
            Self::Role => Some(HelloStatus::Role),
            Self::Decode(_) | Self::NotExpected | Self::Refused(_) => None,
        }
    }
}

fn decoded(frame: &[u8]) -> Result<Frame<'_>, HandshakeError> {
    decode(frame).map_err(|error| {
        if let DecodeError::BadVersion(theirs) = error {
            HandshakeError::Version { theirs: theirs.into() }
        } else {
            HandshakeError::Decode(error)
        }
    })
}

fn same_build(me: &Identity, version: u16, schema: u64) -> Result<(), HandshakeError> {
    if version != u16::from(WIRE_VERSION) {
        return Err(HandshakeError::Version { theirs: version });
    }
    if schema != me.schema_hash {
        return Err(HandshakeError::Schema { theirs: schema });
    }
    Ok(())
}

/// Listening side: judges the peer's first frame.
///
/// # Errors
/// [`HandshakeError`]; where it has a [`HandshakeError::status`], answer
/// [`Identity::ack`] with it before closing.
pub fn accept(me: &Identity, allowed: &[Role], frame: &[u8]) -> Result<PeerInfo, HandshakeError> {
    let Frame::Hello(hello) = decoded(frame)? else {
        return Err(HandshakeError::NotExpected);
    };
    same_build(me, hello.wire_version, hello.schema_hash)?;
    let role = Role::from_code(hello.role).filter(|r| allowed.contains(r));
    let role = role.ok_or(HandshakeError::Role)?;
    Ok(PeerInfo {
        role,
        pid: hello.pid,
        model_hash: 0,
        generation: 0,
        backend: [0; 48],
        shared_memory: hello.shared_memory != 0,
    })
}

/// Connecting side: judges the answer.
///
/// # Errors
/// [`HandshakeError`]; close the connection.
pub fn confirm(me: &Identity, expected: Role, frame: &[u8]) -> Result<PeerInfo, HandshakeError> {
    let Frame::HelloAck(ack) = decoded(frame)? else {
        return Err(HandshakeError::NotExpected);
    };
    match HelloStatus::from_code(ack.status) {
        Some(HelloStatus::Accepted) => {}
        Some(status) => return Err(HandshakeError::Refused(status)),
        None => return Err(HandshakeError::NotExpected),
    }
    if ack.shared_memory != 0 && !me.shared_memory {
        return Err(HandshakeError::NotExpected); // It takes what was not offered.
    }
    same_build(me, ack.wire_version, ack.schema_hash)?;
    let role = Role::from_code(ack.role).filter(|r| *r == expected).ok_or(HandshakeError::Role)?;
    Ok(PeerInfo {
        role,
        pid: ack.pid,
        model_hash: ack.model_hash,
        generation: ack.generation,
        backend: ack.backend,
        shared_memory: ack.shared_memory != 0,
    })
}

/// Where the connecting side stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `Hello` is sent; the answer must come by this moment, nanoseconds of the caller's clock.
    AwaitingAck {
        /// The deadline.
        deadline_ns: u64,
    },
    /// Done; frames of the protocol may flow.
    Ready(PeerInfo),
    /// Failed: close.
    Failed(HandshakeError),
}

/// The connecting side's handshake from `Hello` to the first real frame.
#[derive(Clone, Copy, Debug)]
pub struct ClientHandshake {
    me: Identity,
    expected: Role,
    phase: Phase,
}

impl ClientHandshake {
    /// Starts; send [`Identity::hello`] along with it.
    #[must_use]
    pub fn new(me: Identity, expected: Role, now_ns: u64, limit_ns: u64) -> Self {
        let phase = Phase::AwaitingAck { deadline_ns: now_ns.saturating_add(limit_ns) };
        Self { me, expected, phase }
    }

    /// Takes the first frame; later frames belong to the protocol and change nothing here.
    pub fn on_frame(&mut self, frame: &[u8]) -> Phase {
        if let Phase::AwaitingAck { .. } = self.phase {
            self.phase = match confirm(&self.me, self.expected, frame) {
                Ok(peer) => Phase::Ready(peer),
                Err(error) => Phase::Failed(error),
            };
        }
        self.phase
    }

    /// Whether the answer is overdue.
    #[must_use]
    pub fn is_overdue(&self, now_ns: u64) -> bool {
        matches!(self.phase, Phase::AwaitingAck { deadline_ns } if deadline_ns <= now_ns)
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::bytes_of;

    fn engine() -> Identity {
        Identity::new(Role::Engine)
    }

    fn server() -> Identity {
        Identity::new(Role::Signal).with_model(0xfeed, 1, "tract/cpu")
    }

    #[test]
    fn the_two_sides_agree() {
        let hello = engine().hello();
        let peer = accept(&server(), &[Role::Engine], bytes_of(&hello)).unwrap();
        assert_eq!(peer.role, Role::Engine);
        let mut client = ClientHandshake::new(engine(), Role::Signal, 0, 10);
        let ack = server().ack(HelloStatus::Accepted);
        let Phase::Ready(peer) = client.on_frame(bytes_of(&ack)) else { panic!("not ready") };
        assert_eq!((peer.model_hash, peer.generation), (0xfeed, 1));
        assert_eq!(peer.backend_text(), "tract/cpu");
    }

    #[test]
    fn each_difference_is_refused_by_its_own_status() {
        let judge = |hello: &Hello| {
            accept(&server(), &[Role::Engine], bytes_of(hello)).unwrap_err().status()
        };
        let good = engine().hello();
        assert_eq!(judge(&Hello { wire_version: 2, ..good }), Some(HelloStatus::Version));
        let mut other = good;
        other.header.version = 2;
        assert_eq!(judge(&other), Some(HelloStatus::Version));
        assert_eq!(judge(&Hello { schema_hash: 1, ..good }), Some(HelloStatus::Schema));
        assert_eq!(judge(&Hello { role: b'C', ..good }), Some(HelloStatus::Role));
        assert_eq!(judge(&Hello { role: b'?', ..good }), None);
    }

    #[test]
    fn a_first_frame_of_another_kind_is_refused() {
        let ack = server().ack(HelloStatus::Accepted);
        let error = accept(&server(), &[Role::Engine], bytes_of(&ack)).unwrap_err();
        assert_eq!(error, HandshakeError::NotExpected);
    }

    #[test]
    fn the_client_reports_a_refusal_and_stays_failed() {
        let mut client = ClientHandshake::new(engine(), Role::Signal, 0, 10);
        let refused = Phase::Failed(HandshakeError::Refused(HelloStatus::Busy));
        assert_eq!(client.on_frame(bytes_of(&server().ack(HelloStatus::Busy))), refused);
        assert_eq!(client.on_frame(bytes_of(&server().ack(HelloStatus::Accepted))), refused);
    }

    #[test]
    fn shared_memory_is_taken_only_where_it_was_offered() {
        for (offered, taken) in [(false, false), (true, false), (true, true)] {
            let me = engine().with_shared_memory(offered);
            let peer = accept(&server(), &[Role::Engine], bytes_of(&me.hello())).unwrap();
            assert_eq!(peer.shared_memory, offered);
            let ack = server().with_shared_memory(taken).ack(HelloStatus::Accepted);
            let peer = confirm(&me, Role::Signal, bytes_of(&ack)).unwrap();
            assert_eq!(peer.shared_memory, taken);
        }
        let ack = server().with_shared_memory(true).ack(HelloStatus::Accepted);
        let refused = confirm(&engine(), Role::Signal, bytes_of(&ack));
        assert_eq!(refused, Err(HandshakeError::NotExpected));
    }

    #[test]
    fn the_answer_is_overdue_exactly_at_the_deadline() {
        let client = ClientHandshake::new(engine(), Role::Signal, 5, 10);
        assert!(!client.is_overdue(14));
        assert!(client.is_overdue(15));
    }

    #[test]
    fn a_long_backend_name_is_cut_at_a_character() {
        let text = "x".repeat(47) + "\u{e9}";
        let me = Identity::new(Role::Signal).with_model(1, 1, &text);
        let ack = me.ack(HelloStatus::Accepted);
        let peer = confirm(&engine(), Role::Signal, bytes_of(&ack)).unwrap();
        assert_eq!(peer.backend_text(), "x".repeat(47));
    }
}
