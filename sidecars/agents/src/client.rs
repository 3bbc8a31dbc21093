//! One server, as questions see it: the OpenAI-compatible protocol and Ollama's own, over TCP or a
//! Unix socket.
//!
//! The router is the only retry loop: nothing here asks twice, follows a redirect or takes a proxy
//! from the environment. Who drops the future of a question drops its connection. Must never: keep
//! more bytes than an answer can have, or take an answer the server does not call finished. Runs on
//! the router's thread; allocates.

use crate::cause::Cause;
use crate::config::{Kind, Place, Server};
use reqwest::{Response, StatusCode, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What an answer may have beyond its text: ids, counts, logs of the server.
const ENVELOPE_BYTES: usize = 16_384;
/// Bytes a token is at most, escapes included.
const TOKEN_BYTES: usize = 16;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The model, as the server calls it.
    pub model: &'a str,
    /// The prompt.
    pub prompt: &'a str,
    /// The schema of the answer.
    pub schema: &'a Value,
    /// Longest answer, tokens.
    pub answer_tokens: u32,
    /// Tokens of prompt and answer together.
    pub context_tokens: u32,
}

/// No answer, and what came instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub cause: Cause,
    /// What the server sent, as far as it was read.
    pub raw: String,
}

impl Failed {
    fn without(cause: Cause) -> Self {
        Self { cause, raw: String::new() }
    }
}

/// Connections to one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    kind: Kind,
    keep_alive_s: u32,
    no_speculation: bool,
}

impl Client {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// What the HTTP client says of its own start.
    pub fn new(server: &Server) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true)
            .pool_idle_timeout(Duration::from_secs(u64::from(server.idle_s)));
        let base = match &server.place {
            Place::Url(url) => url.as_str().trim_end_matches('/').to_owned(),
            Place::Socket(path) => {
                builder = builder.unix_socket(path.as_path());
                "http://localhost".to_owned()
            }
        };
        let path = match server.kind {
            Kind::OpenAi => "/v1/chat/completions",
            Kind::Ollama => "/api/chat",
        };
        Ok(Self {
            http: builder.build()?,
            url: base + path,
            kind: server.kind,
            keep_alive_s: server.keep_alive_s,
            no_speculation: server.no_speculation,
        })
    }

    fn body(&self, question: &Question<'_>) -> Value {
        let Question { model, prompt, schema, answer_tokens, context_tokens } = question;
        let messages = json!([{"role": "user", "content": prompt}]);
        match self.kind {
            Kind::OpenAi => {
                let mut body = json!({
                    "model": model, "messages": messages, "stream": false,
                    "max_tokens": answer_tokens, "temperature": 0, "seed": 1,
                    "response_format": {"type": "json_schema",
                        "json_schema": {"name": "answer", "strict": true, "schema": schema}},
                });
                if self.no_speculation {
                    body["speculative.n_max"] = json!(0);
                }
                body
            }
            Kind::Ollama => json!({
                "model": model, "messages": messages, "stream": false, "format": schema,
                "keep_alive": self.keep_alive_s,
                "options": {"num_predict": answer_tokens, "num_ctx": context_tokens,
                    "temperature": 0, "seed": 1},
            }),
        }
    }

    /// The text of the model's answer. Whoever awaits it sets the deadline.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn ask(&self, question: &Question<'_>) -> Result<String, Failed> {
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .body(self.body(question).to_string());
        let response = request.send().await.map_err(|error| {
            Failed::without(if error.is_connect() { Cause::Unreachable } else { Cause::Broken })
        })?;
        let status = response.status();
        let answer_tokens = usize::try_from(question.answer_tokens).unwrap_or(usize::MAX);
        let longest = answer_tokens.saturating_mul(TOKEN_BYTES).saturating_add(ENVELOPE_BYTES);
        let raw = read(response, longest).await?;
        if let Some(cause) = refused(status, &raw) {
            return Err(Failed { cause, raw });
        }
        match self.kind {
            Kind::OpenAi => openai(&raw),
            Kind::Ollama => ollama(&raw),
        }
        .map_err(|cause| Failed { cause, raw })
    }
}

/// The whole body, unless it is longer than it may be.
async fn read(mut response: Response, longest: usize) -> Result<String, Failed> {
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let raw = || String::from_utf8_lossy(&bytes).into_owned();
        match chunk {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > longest => {
                return Err(Failed { cause: Cause::Endless, raw: raw() });
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return Err(Failed { cause: Cause::Broken, raw: raw() }),
        }
    }
    String::from_utf8(bytes).map_err(|error| Failed {
        cause: Cause::NotJson,
        raw: String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// What a status that is no success means; servers name the rest in words.
fn refused(status: StatusCode, raw: &str) -> Option<Cause> {
    if status == StatusCode::OK {
        return None;
    }
    let said = raw.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let memory = ["out of memory", "cudamalloc", "more system memory", "insufficient memory"];
    let context = ["context length", "context size", "context window", "maximum context"];
    Some(match status.as_u16() {
        _ if says(&memory) => Cause::OutOfMemory,
        413 => Cause::ContextTooLong,
        400..=499 if says(&context) => Cause::ContextTooLong,
        429 | 503 => Cause::Busy,
        500..=599 => Cause::ServerError,
        _ => Cause::Refused,
    })
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Chat {
    message: Message,
    done: bool,
    done_reason: Option<String>,
}

fn decode<'a, T: Deserialize<'a>>(raw: &'a str) -> Result<T, Cause> {
    serde_json::from_str(raw)
        .map_err(|error| if error.is_eof() { Cause::Truncated } else { Cause::NotJson })
}

/// The text, where the server says that the model ended by itself.
fn finished(message: Message, reason: Option<&str>) -> Result<String, Cause> {
    if message.refusal.is_some_and(|text| !text.is_empty()) {
        return Err(Cause::Refused);
    }
    match reason {
        Some("stop") => Ok(message.content.unwrap_or_default()),
        Some("length") | None => Err(Cause::Truncated),
        Some(_) => Err(Cause::Refused),
    }
}

fn openai(raw: &str) -> Result<String, Cause> {
    let mut completion: Completion = decode(raw)?;
    match (completion.choices.pop(), completion.choices.is_empty()) {
        (Some(choice), true) => finished(choice.message, choice.finish_reason.as_deref()),
        _ => Err(Cause::NotJson),
    }
}

fn ollama(raw: &str) -> Result<String, Cause> {
    let chat: Chat = decode(raw)?;
    if !chat.done {
        return Err(Cause::Truncated);
    }
    finished(chat.message, chat.done_reason.as_deref())
}
