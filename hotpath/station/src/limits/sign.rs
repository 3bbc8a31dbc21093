//! Signatures of limits files: Ed25519, detached, over a context and the file's bytes.
//!
//! Owns the key files and `FILE.sig`, all hex text of one line. Must never: sign without the
//! context, so that a signature for another purpose is none here; print a private key; or write
//! over a key. Runs in the command and, for the check, on the station's housekeeping threads.

use super::{LimitsFile, from_hex, guarded, hex_into, refusal};
use crate::operator::Failure;
use ed25519_dalek::{SECRET_KEY_LENGTH, Signature, Signer as _, SigningKey, VerifyingKey};
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// What stands before the file's bytes in what is signed.
const CONTEXT: &[u8] = b"corelane-limits-v1\0";
/// Longest key or signature file, bytes.
const FILE_MAX: u64 = 1_024;
/// Permission bits of anybody but the owner.
const OTHERS: u32 = 0o077;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    path: PathBuf,
}

/// Where the signature of a limits file lies.
#[must_use]
pub fn signature_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

fn message(bytes: &[u8]) -> Vec<u8> {
    [CONTEXT, bytes].concat()
}

fn hex_line(bytes: &[u8]) -> Vec<u8> {
    let mut line = vec![b'\n'; 2 * bytes.len() + 1];
    hex_into(bytes, &mut line);
    line
}

/// The bytes behind one line of hex.
fn hex_of<const N: usize>(path: &Path, bytes: &[u8], what: &str) -> Result<[u8; N], Failure> {
    let text = std::str::from_utf8(bytes).unwrap_or("").trim_end();
    from_hex(text).ok_or_else(|| {
        let found = format!("{} bytes of something else", bytes.len());
        refusal(path, what, &found, &format!("one line of {} hex digits", 2 * N))
    })
}

/// Makes a key pair in a folder: `limits.key`, for its owner alone, and `limits.pub`.
///
/// # Errors
/// `RESOURCE` where a file cannot be written or is there already.
pub fn keygen(folder: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    keygen_for(folder, "limits")
}

/// The same for another purpose: `NAME.key` and `NAME.pub`.
///
/// # Errors
/// As [`keygen`].
pub fn keygen_for(folder: &Path, name: &str) -> Result<(PathBuf, PathBuf), Failure> {
    let (private, public) =
        (folder.join(format!("{name}.key")), folder.join(format!("{name}.pub")));
    let mut seed = [0; SECRET_KEY_LENGTH];
    let random = Path::new("/dev/urandom");
    std::fs::File::open(random)
        .and_then(|mut file| file.read_exact(&mut seed))
        .map_err(|error| guarded::unreadable(random, &error))?;
    let key = SigningKey::from_bytes(&seed);
    create(&private, 0o600, &hex_line(&seed))?;
    create(&public, 0o644, &hex_line(key.verifying_key().as_bytes()))?;
    Ok((private, public))
}

/// Writes a new file.
fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    })
    .map_err(|error| {
        let fields = format!("path={} error=\"{error}\"", path.display());
        let next = "name a folder that can be written and holds no such file";
        Failure::new(Exit::Resource, "file cannot be written", fields, next)
    })
}

/// Reads a private key that is its owner's alone.
///
/// # Errors
/// A [`Failure`] where it cannot be read, is not private to its owner, or is damaged.
pub fn private_key(path: &Path) -> Result<SigningKey, Failure> {
    let (bytes, meta) = guarded::open(path, FILE_MAX)?;
    let mode = meta.mode() & 0o7777;
    if mode & OTHERS != 0 {
        let found = format!("{mode:04o}");
        return Err(refusal(path, "(mode)", &found, "a mode for the owner alone (chmod 600)"));
    }
    Ok(SigningKey::from_bytes(&hex_of(path, &bytes, "(private key)")?))
}

/// Signs a checked limits file; writes `FILE.sig` anew.
///
/// # Errors
/// A [`Failure`] where the key is not private to its owner or damaged, or the signature cannot be
/// written.
pub fn sign(key: &Path, file: &LimitsFile) -> Result<PathBuf, Failure> {
    let key = private_key(key)?;
    let signature = key.sign(&message(&file.bytes));
    let path = signature_path(&file.path);
    let fresh = path.with_extension("sig.new");
    // Left over from a run that was cut off; what counts is whether the new one can be made.
    let _ = std::fs::remove_file(&fresh);
    create(&fresh, 0o644, &hex_line(&signature.to_bytes()))?;
    std::fs::rename(&fresh, &path).map_err(|error| guarded::unreadable(&path, &error))?;
    Ok(path)
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// A [`Failure`] where the file cannot be read, others could change it, or it is no key.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = guarded::read(path, FILE_MAX)?;
        let key = VerifyingKey::from_bytes(&hex_of(path, &bytes, "(public key)")?)
            .ok()
            .filter(|key| !key.is_weak());
        let allowed = "a public key made by `corelane limits keygen`";
        let key = key.ok_or_else(|| refusal(path, "(public key)", "no usable key", allowed))?;
        Ok(Self { key, path: path.to_owned() })
    }

    /// Checks the signature beside a limits file.
    ///
    /// # Errors
    /// A [`Failure`] where it is missing, damaged, or not of this key over these bytes.
    pub fn verify(&self, file: &LimitsFile) -> Result<(), Failure> {
        let path = signature_path(&file.path);
        let (bytes, _) = guarded::open(&path, FILE_MAX)?;
        let signature = Signature::from_bytes(&hex_of(&path, &bytes, "(signature)")?);
        self.key.verify_strict(&message(&file.bytes), &signature).map_err(|_| {
            let found = format!("a signature that does not fit sha256 {}", file.sha256_text());
            let allowed = format!("one over these bytes by the key of {}", self.path.display());
            refusal(&path, "(signature)", &found, &allowed)
        })
    }
}
