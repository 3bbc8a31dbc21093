//! Is a language model served here? One short question to a port of this host.
//!
//! Must never: wait longer than a few times [`PATIENCE`], read more of an answer than [`MOST`], or
//! believe a server that does not answer as its kind does.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for a connection, and for each of a few reads.
const PATIENCE: Duration = Duration::from_millis(300);
/// Reads of an answer at most; with the patience they bound it.
const READS: u32 = 16;
/// Bytes of an answer that are looked at.
const MOST: usize = 1 << 18;

/// A kind of server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `GET /api/tags`: `{"models": [{"name": ...}]}`.
    Ollama,
    /// `GET /v1/models`: `{"data": [{"id": ...}]}`.
    Vllm,
}

impl Kind {
    const fn asked(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ollama => ("/api/tags", "models", "name"),
            Self::Vllm => ("/v1/models", "data", "id"),
        }
    }
}

/// What a server says it serves, or why it is none.
pub(super) fn models(kind: Kind, at: SocketAddr) -> Result<Vec<String>, String> {
    models_within(kind, at, PATIENCE)
}

fn models_within(kind: Kind, at: SocketAddr, patience: Duration) -> Result<Vec<String>, String> {
    let (path, list, name) = kind.asked();
    let answer = get(at, path, patience).map_err(|error| error.to_string())?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let is_ok = answer.split_whitespace().nth(1) == Some("200");
    let json: Option<Value> = serde_json::from_str(body).ok().filter(|_| is_ok);
    let rows = json.as_ref().and_then(|json| json[list].as_array());
    let rows = rows.ok_or_else(|| format!("something listens and does not answer {path}"))?;
    Ok(rows.iter().filter_map(|row| row[name].as_str()).map(plain).collect())
}

/// A name as it may be shown: what a server sends is a stranger's text.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

fn get(at: SocketAddr, path: &str, patience: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // HTTP/1.0: the answer comes whole and ends with the connection.
    // In one piece: a server that answers and closes before it has all of it resets the connection.
    let asked = format!("GET {path} HTTP/1.0\r\nHost: {at}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(asked.as_bytes())?;
    let mut answer = Vec::new();
    let mut part = vec![0; MOST / 16];
    for _ in 0..READS {
        let count = stream.read(&mut part)?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&part[..count]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// For servers that do answer: the machine may be busy.
    const LONG: Duration = Duration::from_mins(1);

    /// A server that answers one question with these bytes, and says what it was asked.
    fn served(answer: &'static [u8]) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("an address");
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a question");
            let mut head = [0; 256];
            let count = stream.read(&mut head).expect("its words");
            // It may have gone: the answer is for it to judge.
            let _ = stream.write_all(answer);
            String::from_utf8_lossy(&head[..count]).into_owned()
        });
        (at, asked)
    }

    #[test]
    fn what_answers_as_its_kind_does_is_believed_and_nothing_else() {
        let head = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
        let ollama =
            format!("{head}{{\"models\":[{{\"name\":\"a:7b\"}},{{\"name\":\"b\\u0007\"}}]}}");
        let (at, asked) = served(ollama.leak().as_bytes());
        assert_eq!(models_within(Kind::Ollama, at, LONG), Ok(vec!["a:7b".into(), "b".into()]));
        assert!(asked.join().expect("asked").starts_with("GET /api/tags HTTP/1.0\r\nHost: "));
        let vllm = format!("{head}{{\"data\":[{{\"id\":\"m\"}}]}}");
        let (at, asked) = served(vllm.leak().as_bytes());
        assert_eq!(models_within(Kind::Vllm, at, LONG), Ok(vec!["m".into()]));
        assert!(asked.join().expect("asked").starts_with("GET /v1/models "));
        for other in [
            &b"HTTP/1.0 404 Not Found\r\n\r\n{\"models\":[]}"[..],
            b"HTTP/1.0 200 OK\r\n\r\n<html>",
            b"SSH-2.0-x\r\n",
            b"",
        ] {
            let (at, _) = served(other);
            let why = models_within(Kind::Ollama, at, LONG).expect_err("no such server");
            assert!(why.contains("does not answer /api/tags"), "{why}");
        }
    }

    #[test]
    fn nobody_and_a_silent_one_are_no_server() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("an address");
        let why = models(Kind::Vllm, at).expect_err("it says nothing");
        assert!(!why.is_empty());
        drop(listener);
        assert!(models(Kind::Vllm, at).expect_err("nobody").contains("refused"));
    }
}
