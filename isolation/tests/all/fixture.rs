//! Captured trees as compact text: one entry of a tree a word, one host a line or a few.
//!
//! `PATH: TEXT` is a file (`\n`, `\t` and `\xNN` are escapes), `PATH -> TARGET` a link, `PATH/` a
//! folder, `!PATH: REASON` a path that may not be read, `{2,3}` in a path stands for each, and
//! `C/`, `V/`, `S/`, `P/`, `E/` for `sys/devices/system/cpu/`, `proc/sys/`, `sys/`, `proc/`,
//! `etc/`. `-PATH` takes a path and all beneath it away. `plan: WORDS` is the topology: `none`,
//! `hot=LIST`, `nic=NAME`, `onload`, `pages=N`, `alone` (no card, no pages).

use corelane_isolation::host::DENIED;
use corelane_isolation::{CpuSet, Host, Node, Plan, Tree};

/// A host, as a fixture describes it.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) tree: Tree,
    pub(crate) plan: Plan,
    /// The list of paths that may not be read, as a captured tree has it.
    pub(crate) denied: String,
}

impl Default for Fixture {
    /// Four CPUs, of which two are hot.
    fn default() -> Self {
        let plan = Plan { hot: list("2-3"), housekeeping: list("0-1"), ..Plan::default() };
        let mut fixture = Self { tree: Tree::default(), plan, denied: String::new() };
        fixture.add("V/kernel/osrelease: 6.12.0");
        fixture
    }
}

fn list(text: &str) -> CpuSet {
    CpuSet::from_list(text).expect("a list of CPUs")
}

impl Fixture {
    pub(crate) fn host(&self) -> Host {
        let mut tree = self.tree.clone();
        tree.put(DENIED, Node::File(self.denied.clone().into_bytes()));
        Host::in_tree(tree)
    }

    /// Adds one entry.
    pub(crate) fn add(&mut self, entry: &str) {
        let entry = entry.trim();
        if let Some(path) = entry.strip_prefix('-') {
            return each(path, &mut |path| self.tree.remove(&path));
        }
        if let Some((path, target)) = entry.split_once(" -> ") {
            return each(path, &mut |path| self.tree.put(&path, Node::Link(target.to_owned())));
        }
        if let Some(path) = entry.strip_suffix('/') {
            return each(path, &mut |path| self.tree.put(&path, Node::Folder));
        }
        let (path, text) = match entry.split_once(": ") {
            Some((path, text)) => (path, text.trim()),
            None => (entry.strip_suffix(':').unwrap_or_else(|| panic!("entry {entry:?}")), ""),
        };
        if path == "plan" {
            return text.split_whitespace().for_each(|word| self.planned(word));
        }
        if let Some(path) = path.strip_prefix('!') {
            let denied = &mut self.denied;
            return each(path, &mut |path| denied.extend([path.as_str(), "\t", text, "\n"]));
        }
        each(path, &mut |path| self.tree.put(&path, Node::File(unescaped(text))));
    }

    fn planned(&mut self, word: &str) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "none" => self.plan = Plan::default(),
            "hot" => self.plan.hot = list(value),
            "nic" => self.plan.nic = Some(value.to_owned()),
            "onload" => self.plan.onload = true,
            "alone" => self.plan = Plan { hot: self.plan.hot.clone(), ..Plan::default() },
            "pages" => self.plan.hugepages_2m = value.parse().expect("a number"),
            _ => panic!("plan has no {key}"),
        }
    }
}

/// A path, for each choice in braces, its short prefix written out.
fn each(path: &str, take: &mut dyn FnMut(String)) {
    if let Some((head, rest)) = path.split_once('{') {
        let (choices, tail) = rest.split_once('}').expect("a closing brace");
        return choices.split(',').for_each(|one| each(&format!("{head}{one}{tail}"), take));
    }
    let long = [
        ("C/", "sys/devices/system/cpu/"),
        ("V/", "proc/sys/"),
        ("S/", "sys/"),
        ("P/", "proc/"),
        ("E/", "etc/"),
    ];
    let whole = long.iter().find_map(|(s, l)| Some(format!("{l}{}", path.strip_prefix(s)?)));
    take(whole.unwrap_or_else(|| path.to_owned()));
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, length) = match escape.as_bytes() {
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'x', ..] => (u8::from_str_radix(&escape[1..3], 16).expect("hexadecimal"), 3),
            _ => panic!("escape in {text:?}"),
        };
        bytes.push(byte);
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
