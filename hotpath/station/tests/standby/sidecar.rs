//! The sidecars of these tests: this program again, with a socket and a manner.
//!
//! It ends when its standard input does, so none outlives the test that started it.

use crate::common::{MODEL_HASH, response};
use bytemuck::bytes_of;
use ipc::handshake::{self, Identity};
use ipc::{Connection, FrameBuffer, Listener, PeerPolicy, Received};
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::Frame;
use wire::handshake::{HelloStatus, Role};
use wire::signal::{SignalResponse, SignalStatus};

/// The word that makes this program a sidecar.
pub(crate) const ROLE: &str = "--sidecar";
const OTHER_HASH: u64 = 0xdcba;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Honest,
    /// Its model fails after so many answers: it abstains.
    Fails(u64),
    /// It abstains from its first so many.
    Warms(u64),
    /// It has another model.
    Other,
}

impl Manner {
    fn text(self) -> String {
        match self {
            Self::Honest => "honest:0".into(),
            Self::Fails(after) => format!("fails:{after}"),
            Self::Warms(first) => format!("warms:{first}"),
            Self::Other => "other:0".into(),
        }
    }

    fn parse(text: &str) -> Self {
        let (word, count) = text.split_once(':').expect("a manner");
        let count = count.parse().expect("a number");
        match word {
            "honest" => Self::Honest,
            "fails" => Self::Fails(count),
            "warms" => Self::Warms(count),
            "other" => Self::Other,
            _ => panic!("no such manner: {text}"),
        }
    }

    fn has_score(self, answers: u64) -> bool {
        match self {
            Self::Honest | Self::Other => true,
            Self::Fails(after) => answers < after,
            Self::Warms(first) => answers >= first,
        }
    }
}

/// A sidecar that runs.
pub(crate) struct Process {
    child: Child,
    /// Closed with this value: then it ends.
    input: Option<ChildStdin>,
}

impl Process {
    /// Starts one and waits until it listens.
    pub(crate) fn start(socket: &Path, generation: u32, manner: Manner) -> Self {
        let mut child = Command::new(crate::this_program())
            .arg(ROLE)
            .arg(socket)
            .args([generation.to_string(), manner.text()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = [0; 1];
        child.stdout.take().expect("piped").read_exact(&mut said).expect("it listens");
        let input = child.stdin.take();
        Self { child, input }
    }

    /// Sends it a signal, by the name `kill` knows.
    pub(crate) fn signal(&mut self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
    }

    pub(crate) fn end(&mut self) {
        self.input = None;
        // It may be stopped, or dead.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sidecar itself: serves one engine after another until its input ends.
pub(crate) fn serve(args: &[String]) {
    let [socket, generation, manner] = args else { panic!("a socket, a generation, a manner") };
    let manner = Manner::parse(manner);
    let hash = if manner == Manner::Other { OTHER_HASH } else { MODEL_HASH };
    let generation = generation.parse().expect("a number");
    let me = Identity::new(Role::Signal).with_model(hash, generation, "test/cpu");
    let listener = Listener::bind(Path::new(socket), PeerPolicy::same_user()).expect("socket");
    let over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&over);
    std::thread::spawn(move || {
        let _ended = std::io::stdin().read(&mut [0]);
        // ORDERING: release; pairs with the acquire loads of the serving thread.
        ends.store(true, Ordering::Release);
    });
    println!("listens");
    let mut answers = 0;
    while !over.load(Ordering::Acquire) {
        match listener.accept().expect("same user") {
            Some(connection) => {
                answer(&connection, &me, (hash, generation), manner, &mut answers, &over);
            }
            None => std::thread::yield_now(),
        }
    }
}

/// Answers one engine until it is gone.
fn answer(
    connection: &Connection,
    me: &Identity,
    (model_hash, generation): (u64, u32),
    manner: Manner,
    answers: &mut u64,
    over: &AtomicBool,
) {
    let mut buffer = FrameBuffer::new();
    let mut greeted = false;
    // ORDERING: acquire; pairs with the release store of the thread that reads the input.
    while !over.load(Ordering::Acquire) {
        let words = match connection.try_recv(&mut buffer) {
            Ok(Received::Frame(frame)) => {
                let mut words = vec![0_u64; frame.len() / 8];
                bytemuck::cast_slice_mut(&mut words).copy_from_slice(frame);
                words
            }
            Ok(Received::WouldBlock) => {
                std::thread::yield_now();
                continue;
            }
            Ok(_) | Err(_) => return,
        };
        let frame: &[u8] = bytemuck::cast_slice(&words);
        if !greeted {
            handshake::accept(me, &[Role::Engine], frame).expect("an engine");
            // A peer that is gone already is seen at the next look.
            let _ = connection.try_send(bytes_of(&me.ack(HelloStatus::Accepted)));
            greeted = true;
            continue;
        }
        let Ok(Frame::SignalRequest(request)) = wire::decode(frame) else {
            panic!("the engine sends requests only");
        };
        let good = SignalResponse { model_hash, generation, ..response(request) };
        let frame = if manner.has_score(*answers) {
            good
        } else {
            SignalResponse { status: SignalStatus::Abstain.code(), score_e6: 0, ..good }
        };
        *answers += 1;
        let _ = connection.try_send(bytes_of(&frame));
    }
}
