//! `[server.NAME]` and `[model.NAME]`: where models are served, and which.

use super::reader::{Ledger, Section};
use reqwest::Url;
use std::net::IpAddr;
use std::path::PathBuf;

/// Which protocol a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `POST /v1/chat/completions`: llama.cpp, vLLM, MLX and others.
    OpenAi,
    /// `POST /api/chat`.
    Ollama,
}

impl Kind {
    const WORDS: [(&'static str, Self); 2] = [("openai", Self::OpenAi), ("ollama", Self::Ollama)];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// TCP.
    Url(Url),
    /// A Unix socket.
    Socket(PathBuf),
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub kind: Kind,
    /// Where it listens.
    pub place: Place,
    /// Whether it is beyond this box and its network.
    pub is_cloud: bool,
    /// Share of the load beside others, 1 to 100.
    pub weight: u32,
    /// Questions of bulk roles at a time.
    pub slots: u32,
    /// Questions of critical roles at a time; theirs alone.
    pub critical_slots: u32,
    /// A connection that was idle so long is not used again, seconds; below the server's own.
    pub idle_s: u32,
    /// How long Ollama keeps the model after an answer, seconds.
    pub keep_alive_s: u32,
    /// Whether the server is told not to speculate: with it some break the grammar.
    pub no_speculation: bool,
    /// Line of its table.
    pub(super) line: usize,
}

/// One model, as servers know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name in this file.
    pub name: String,
    /// Its name at the server.
    pub id: String,
    /// Its quantisation, as the operator calls it.
    pub quantisation: String,
    /// Tokens of prompt and answer together.
    pub context_tokens: u32,
    /// What it needs, MiB.
    pub memory_mib: u32,
    /// Its servers, by place in the list.
    pub servers: Vec<usize>,
}

pub(super) fn servers(root: &Section<'_>, cloud: bool, ledger: &Ledger<'_>) -> Vec<Server> {
    let mut list = Vec::new();
    for (name, section) in root.named("server") {
        let kind = section.choice("kind", &Kind::WORDS).unwrap_or(Kind::OpenAi);
        let place = place(&section, ledger);
        let is_cloud = matches!(&place, Some(Place::Url(url)) if !is_near(url));
        if is_cloud && !cloud {
            let allowed = "a host of this box or its network, or [cloud] allow = true and \
                           a redact list";
            ledger.add(section.line(), section.key("url"), "a host beyond this network", allowed);
        }
        let slots = section.whole("slots", 1..=256, 3);
        let server = Server {
            name,
            kind,
            // A problem was told: this one is never used.
            place: place.unwrap_or(Place::Socket(PathBuf::new())),
            is_cloud,
            weight: section.whole("weight", 1..=100, 1),
            slots,
            critical_slots: section.whole("critical_slots", 1..=256, 2),
            idle_s: section.whole("idle_s", 1..=3_600, 4),
            keep_alive_s: section.whole("keep_alive_s", 0..=86_400, 3_600),
            no_speculation: section.flag("no_speculation"),
            line: section.line(),
        };
        section.close();
        list.push(server);
    }
    list
}

fn place(section: &Section<'_>, ledger: &Ledger<'_>) -> Option<Place> {
    const ALLOWED: &str = "either url = \"http://HOST:PORT\" or socket = \"/PATH\"";
    match (section.word("url"), section.word("socket")) {
        (Some(word), None) => {
            let url = Url::parse(&word.text).ok().filter(|url| {
                url.scheme() == "http"
                    && url.host_str().is_some()
                    && url.path() == "/"
                    && url.query().is_none()
                    && url.username().is_empty()
                    && url.password().is_none()
            });
            if url.is_none() {
                let allowed = "http://HOST:PORT; TLS is for a proxy of your own";
                ledger.add(word.line, section.key("url"), format!("{:?}", word.text), allowed);
            }
            url.map(Place::Url)
        }
        (None, Some(word)) => {
            let path = PathBuf::from(&word.text);
            // What the kernel takes as a name, with its end.
            if !path.is_absolute() || word.text.len() > 107 {
                let allowed = "an absolute path of at most 107 bytes";
                ledger.add(word.line, section.key("socket"), format!("{:?}", word.text), allowed);
                return None;
            }
            Some(Place::Socket(path))
        }
        (None, None) => {
            ledger.add(section.line(), section.key("url"), "nothing", ALLOWED);
            None
        }
        (Some(word), Some(_)) => {
            ledger.add(word.line, section.key("url"), "both url and socket", ALLOWED);
            None
        }
    }
}

/// Whether a host is this box or a node of its network: by address, or by a name that no public
/// registry gives out.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("");
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => {
            let ends = [".local", ".lan", ".internal", ".localhost", ".home.arpa"];
            !host.contains('.') || ends.iter().any(|end| host.ends_with(end))
        }
    }
}

pub(super) fn models(root: &Section<'_>, servers: &[Server], ledger: &Ledger<'_>) -> Vec<Model> {
    let mut list = Vec::new();
    for (name, section) in root.named("model") {
        let word = |key| section.word_needed(key).map_or(String::new(), |word| word.text);
        let model = Model {
            name,
            id: word("id"),
            quantisation: word("quantisation"),
            context_tokens: section.whole_needed("context_tokens", 512..=10_000_000),
            memory_mib: section.whole_needed("memory_mib", 1..=10_000_000),
            servers: match section.words("servers") {
                None => (0..servers.len()).collect(),
                Some(words) => words
                    .iter()
                    .filter_map(|word| {
                        let found = servers.iter().position(|server| server.name == word.text);
                        if found.is_none() {
                            let names: Vec<_> = servers.iter().map(|s| s.name.as_str()).collect();
                            let allowed = format!("one of the servers {}", names.join(", "));
                            let text = format!("{:?}", word.text);
                            ledger.add(word.line, section.key("servers"), text, &allowed);
                        }
                        found
                    })
                    .collect(),
            },
        };
        section.close();
        list.push(model);
    }
    list
}
