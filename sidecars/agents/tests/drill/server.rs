//! A server that does as it is told, on the runtime of the test: one act a request.
//!
//! It says through a channel when it has read a request and what became of it; nothing here waits
//! for a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends this status and body.
    Say(u16, String),
    /// Sends the head for this body and its first bytes, then waits until the client goes.
    Stall(String, usize),
    /// Reads the request and waits until the client goes.
    Hang,
    /// Reads the request and closes.
    Close,
    /// Sends so, and closes the connection after it, though the client may use it again.
    SayAndClose(String),
    /// Sends whitespace without end, as fast as it is taken.
    Blank,
}

/// What the server saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole request, with its body.
    Request(String),
    /// The client closed its side while the server was busy with it.
    Gone,
}

pub(crate) enum At {
    Tcp,
    Unix(PathBuf),
}

/// One server.
pub(crate) struct Server {
    /// Its line in a configuration.
    pub(crate) place: String,
    /// What it saw.
    pub(crate) seen: UnboundedReceiver<Seen>,
    acts: UnboundedSender<Act>,
}

impl Server {
    pub(crate) async fn start(at: At) -> Self {
        let (acts, todo) = unbounded_channel();
        let todo = Arc::new(Mutex::new(todo));
        let (tell, seen) = unbounded_channel();
        let place = match at {
            At::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let port = listener.local_addr().expect("bound").port();
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(serve(stream, Arc::clone(&todo), tell.clone()));
                    }
                });
                format!("url = \"http://127.0.0.1:{port}\"")
            }
            At::Unix(path) => {
                let listener = UnixListener::bind(&path).expect("a socket");
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(serve(stream, Arc::clone(&todo), tell.clone()));
                    }
                });
                format!("socket = \"{}\"", path.display())
            }
        };
        Self { place, seen, acts }
    }

    /// What it does next; each act is for one request.
    pub(crate) fn will(&self, acts: impl IntoIterator<Item = Act>) {
        for act in acts {
            self.acts.send(act).expect("the server lives");
        }
    }
}

/// Nobody listens there.
pub(crate) fn dead(dir: &Path) -> String {
    format!("socket = \"{}\"", dir.join("nobody.sock").display())
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    todo: Arc<Mutex<UnboundedReceiver<Act>>>,
    tell: UnboundedSender<Seen>,
) {
    while let Some(body) = request(&mut stream).await {
        // The test may be over.
        let _ = tell.send(Seen::Request(body));
        let Some(act) = todo.lock().await.recv().await else { return };
        let head =
            |status, length| format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
        let sent = match &act {
            Act::Say(status, body) => head(*status, body.len()) + body,
            Act::SayAndClose(body) => head(200, body.len()) + body,
            Act::Stall(body, bytes) => head(200, body.len()) + &body[..*bytes],
            Act::Blank => head(200, usize::MAX / 2),
            Act::Hang | Act::Close => String::new(),
        };
        let _ = stream.write_all(sent.as_bytes()).await;
        match act {
            Act::Say(..) => {}
            Act::Close | Act::SayAndClose(_) => return,
            Act::Blank => {
                while stream.write_all(&[b' '; 4_096]).await.is_ok() {}
                let _ = tell.send(Seen::Gone);
                return;
            }
            Act::Hang | Act::Stall(..) => {
                let mut byte = [0];
                let _ = stream.read(&mut byte).await;
                let _ = tell.send(Seen::Gone);
                return;
            }
        }
    }
}

/// The body of one request; `None` where the client has gone.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(body.to_owned());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
