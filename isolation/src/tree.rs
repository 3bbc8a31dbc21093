//! A captured host in memory: paths, and what is there; as a tar archive and back.
//!
//! The archive is the plain `ustar` form, its entries in the order of their paths, without a time,
//! an owner or a name of the machine: the same answers give the same bytes. Must never: take a
//! damaged archive for a whole one, or a path that leaves the root.

use std::collections::BTreeMap;
use std::fmt;

/// Bytes of a block of the archive.
const BLOCK: usize = 512;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file.
    File(Vec<u8>),
    /// A link, which is not followed.
    Link(String),
    /// A folder.
    Folder,
}

/// Paths, and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Node>);

/// An archive that cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarError {
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for TarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for TarError {}

fn bad<T>(what: impl Into<String>) -> Result<T, TarError> {
    Err(TarError { what: what.into() })
}

impl Tree {
    /// What is at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.0.get(path)
    }

    /// Puts something at a path, and folders above it. A folder never takes the place of a file.
    pub fn put(&mut self, path: &str, node: Node) {
        for (at, _) in path.match_indices('/') {
            self.0.entry(path.get(..at).unwrap_or_default().to_owned()).or_insert(Node::Folder);
        }
        if node == Node::Folder {
            self.0.entry(path.to_owned()).or_insert(node);
        } else {
            self.0.insert(path.to_owned(), node);
        }
    }

    /// Takes a path and all beneath it away.
    pub fn remove(&mut self, path: &str) {
        let beneath = format!("{path}/");
        self.0.retain(|found, _| found != path && !found.starts_with(&beneath));
    }

    /// The names in a folder, sorted.
    #[must_use]
    pub fn names(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        let beneath = self.0.range(prefix.clone()..).map(|(path, _)| path);
        let beneath = beneath.map_while(|path| path.strip_prefix(&prefix));
        beneath.filter(|rest| !rest.contains('/')).map(str::to_owned).collect()
    }

    /// Every path and what is there, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The tree as an archive.
    ///
    /// # Errors
    /// A path or link that is too long for the form.
    pub fn to_tar(&self) -> Result<Vec<u8>, TarError> {
        let mut tar = Vec::new();
        for (path, node) in &self.0 {
            tar.extend_from_slice(&header(path, node)?);
            if let Node::File(bytes) = node {
                tar.extend_from_slice(bytes);
                tar.resize(tar.len().next_multiple_of(BLOCK), 0);
            }
        }
        tar.resize(tar.len() + 2 * BLOCK, 0);
        Ok(tar)
    }

    /// The tree of an archive.
    ///
    /// # Errors
    /// What is no archive of this form, and where.
    pub fn from_tar(tar: &[u8]) -> Result<Self, TarError> {
        let (mut tree, mut at) = (Self::default(), 0);
        while let Some(block) = tar.get(at..at + BLOCK) {
            if block.iter().all(|byte| *byte == 0) {
                return Ok(tree);
            }
            let entry = Entry::of(block, at)?;
            at += BLOCK;
            let node = match entry.kind {
                b'0' | 0 => {
                    let Some(bytes) = at.checked_add(entry.size).and_then(|end| tar.get(at..end))
                    else {
                        return bad(format!("byte {at}: {} ends early", entry.path));
                    };
                    at += entry.size.next_multiple_of(BLOCK);
                    Node::File(bytes.to_vec())
                }
                b'2' => Node::Link(entry.link),
                b'5' => Node::Folder,
                kind => return bad(format!("byte {at}: an entry of kind {:?}", char::from(kind))),
            };
            tree.put(&entry.path, node);
        }
        bad(format!("byte {at}: the archive ends early"))
    }
}

/// Where the fields of a header are.
mod field {
    use std::ops::Range;
    pub(super) const NAME: Range<usize> = 0..100;
    pub(super) const MODE: Range<usize> = 100..108;
    pub(super) const OWNER: Range<usize> = 108..116;
    pub(super) const GROUP: Range<usize> = 116..124;
    pub(super) const SIZE: Range<usize> = 124..136;
    pub(super) const TIME: Range<usize> = 136..148;
    pub(super) const SUM: Range<usize> = 148..156;
    pub(super) const KIND: usize = 156;
    pub(super) const LINK: Range<usize> = 157..257;
    pub(super) const MAGIC: Range<usize> = 257..265;
    pub(super) const PREFIX: Range<usize> = 345..500;
}

fn header(path: &str, node: &Node) -> Result<[u8; BLOCK], TarError> {
    let (kind, mode, size, link) = match node {
        Node::File(bytes) => (b'0', 0o644, bytes.len(), ""),
        Node::Link(to) => (b'2', 0o777, 0, to.as_str()),
        Node::Folder => (b'5', 0o755, 0, ""),
    };
    let Some((prefix, name)) = split(path) else { return bad(format!("{path} is too long")) };
    let mut block = [0_u8; BLOCK];
    let mut put = |range: std::ops::Range<usize>, text: &[u8]| match block.get_mut(range) {
        Some(field) if field.len() >= text.len() => {
            field.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
            Ok(())
        }
        _ => bad(format!("{path} leads to what is too long")),
    };
    put(field::NAME, name.as_bytes())?;
    put(field::MODE, format!("{mode:07o}").as_bytes())?;
    put(field::OWNER, b"0000000")?;
    put(field::GROUP, b"0000000")?;
    put(field::SIZE, format!("{size:011o}").as_bytes())?;
    put(field::TIME, b"00000000000")?;
    put(field::SUM, b"        ")?;
    put(field::KIND..field::KIND + 1, &[kind])?;
    put(field::LINK, link.as_bytes())?;
    put(field::MAGIC, b"ustar\x0000")?;
    put(field::PREFIX, prefix.as_bytes())?;
    let sum = format!("{:06o}\0 ", sum(&block));
    block[field::SUM].copy_from_slice(sum.as_bytes());
    Ok(block)
}

/// A path in the two fields of the form: what stands before a `/` and what behind it.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= field::NAME.len() {
        return Some(("", path));
    }
    let mut cuts = path.match_indices('/').filter_map(|(at, _)| path.split_at_checked(at));
    let is_short = |(prefix, name): &(&str, &str)| {
        prefix.len() <= field::PREFIX.len() && name.len() <= field::NAME.len() + 1
    };
    cuts.find(is_short).map(|(prefix, name)| (prefix, name.trim_start_matches('/')))
}

/// The sum of a header's bytes, its own field counted as blanks.
fn sum(block: &[u8]) -> u32 {
    let value =
        |(at, byte): (usize, &u8)| u32::from(if field::SUM.contains(&at) { b' ' } else { *byte });
    block.iter().enumerate().map(value).sum()
}

struct Entry {
    path: String,
    kind: u8,
    size: usize,
    link: String,
}

impl Entry {
    fn of(block: &[u8], at: usize) -> Result<Self, TarError> {
        let text = |range: std::ops::Range<usize>| {
            let field = block.get(range).unwrap_or_default();
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            std::str::from_utf8(&field[..end]).unwrap_or_default().trim()
        };
        let number = |range| usize::from_str_radix(text(range), 8).ok();
        let is_ours = text(field::MAGIC).starts_with("ustar");
        if !is_ours || number(field::SUM) != usize::try_from(sum(block)).ok() {
            return bad(format!("byte {at}: no header of a tar archive"));
        }
        let (prefix, name) = (text(field::PREFIX), text(field::NAME));
        let joined = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // `tar -c .` writes `./` before each path.
        let path = joined.strip_prefix("./").unwrap_or(&joined).trim_end_matches('/').to_owned();
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return bad(format!("byte {at}: {path} leaves the root"));
        }
        let Some(size) = number(field::SIZE) else {
            return bad(format!("byte {at}: {path} has no size"));
        };
        let kind = block.get(field::KIND).copied().unwrap_or_default();
        Ok(Self { path, kind, size, link: text(field::LINK).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.put("proc/cmdline", Node::File(b"ro quiet\n".to_vec()));
        tree.put("proc/1/fd/3", Node::Link("onload:[tcp:6:3]".into()));
        tree.put("dev/cpu_dma_latency", Node::File(vec![0, 0xff, 1]));
        tree.put(&format!("sys/{}/x", "long-name/".repeat(12)), Node::File(vec![7; 513]));
        tree.put("proc/cmdline", Node::Folder);
        tree
    }

    #[test]
    fn an_archive_gives_its_tree_back_and_is_the_same_each_time() {
        let tar = tree().to_tar().expect("short paths");
        assert_eq!(Tree::from_tar(&tar), Ok(tree()));
        assert_eq!(tree().to_tar().as_ref(), Ok(&tar));
        assert_eq!(tar.len() % BLOCK, 0);
        assert_eq!(tree().names("proc"), ["1", "cmdline"]);
        assert!(matches!(tree().get("proc/cmdline"), Some(Node::File(_))), "a file stays one");
    }

    #[test]
    fn a_damaged_archive_is_refused_with_the_place() {
        let tar = tree().to_tar().expect("short paths");
        for cut in [0, 1, BLOCK, BLOCK + 1, tar.len() - 2 * BLOCK, tar.len() - 2 * BLOCK - 1] {
            let error = Tree::from_tar(&tar[..cut]).expect_err("cut").what;
            assert!(error.contains("early"), "{cut}: {error}");
        }
        for at in [0, 124, 156, 257] {
            let mut bent = tar.clone();
            bent[at] ^= 1;
            let error = Tree::from_tar(&bent).expect_err("bent").what;
            assert!(error.starts_with("byte 0: no header"), "{at}: {error}");
        }
        let mut out = Tree::default();
        out.put("../x", Node::File(Vec::new()));
        let error = Tree::from_tar(&out.to_tar().expect("short")).expect_err("out").what;
        assert!(error.contains("leaves the root"), "{error}");
        let long = format!("a/{}", "b".repeat(101));
        let mut out = Tree::default();
        out.put(&long, Node::File(Vec::new()));
        assert!(out.to_tar().expect_err("long").what.contains("too long"));
    }
}
