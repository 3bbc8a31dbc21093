//! Input files: plain, gzip or zstd by their first bytes, hashed as they are stored, read by line.

use super::ImportError;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tape::SourceFile;

/// Longest line taken, bytes.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// An input file and what the recording will say of it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) file: SourceFile,
}

impl Source {
    /// Opens and hashes it.
    pub(super) fn look(path: &Path) -> Result<Self, ImportError> {
        let failed = |error: std::io::Error| read_error(path, &error);
        let mut file = File::open(path).map_err(failed)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            let n = file.read(&mut buffer).map_err(failed)?;
            if n == 0 {
                break;
            }
            digest.update(&buffer[..n]);
            bytes += n as u64;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sha256 = tape::header::hex(&digest.finalize());
        Ok(Self { path: path.to_path_buf(), file: SourceFile { name, bytes, sha256 } })
    }
}

/// The lines of one file.
pub(super) struct Lines {
    path: PathBuf,
    input: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let failed = |error: std::io::Error| read_error(path, &error);
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::with_capacity(4);
        (&mut file).take(4).read_to_end(&mut magic).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let input: Box<dyn BufRead> = match magic.as_slice() {
            [0x1f, 0x8b, ..] => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
            [0x28, 0xb5, 0x2f, 0xfd] => {
                Box::new(BufReader::new(zstd::stream::read::Decoder::new(file).map_err(failed)?))
            }
            _ => Box::new(BufReader::with_capacity(1 << 16, file)),
        };
        Ok(Self { path: path.to_path_buf(), input, line: Vec::new(), number: 0 })
    }

    /// The next line without its end, and its number from 1.
    pub(super) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, ImportError> {
        self.line.clear();
        self.number += 1;
        let mut bounded = (&mut self.input).take(MAX_LINE_BYTES);
        let got = bounded
            .read_until(b'\n', &mut self.line)
            .map_err(|error| read_error(&self.path, &error))?;
        if got == 0 {
            return Ok(None);
        }
        if got as u64 == MAX_LINE_BYTES {
            return Err(ImportError::Line {
                path: self.path.clone(),
                line: self.number,
                what: format!("it is longer than {MAX_LINE_BYTES} bytes"),
                next: "check that the file holds one frame a line".to_owned(),
            });
        }
        while let [.., b'\n' | b'\r'] = self.line.as_slice() {
            self.line.pop();
        }
        Ok(Some((self.number, &self.line)))
    }
}

fn read_error(path: &Path, error: &std::io::Error) -> ImportError {
    ImportError::Read { path: path.to_path_buf(), why: error.to_string() }
}
