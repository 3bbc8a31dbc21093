//! Standard output and files for the commands: buffered, and a closed pipe is no error.
//!
//! Must never: panic because a reader went away (`corelane print ... | head`).

use station::operator::Failure;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use wire::exit::Exit;

/// A buffered writer that knows its name.
pub struct Output {
    inner: Box<dyn Write>,
    name: String,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Output {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        let inner = Box::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
        Self { inner, name: "standard output".into() }
    }

    /// A new file.
    ///
    /// # Errors
    /// RESOURCE where it cannot be made.
    pub fn file(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|e| failed(&name, &e))?;
        Ok(Self { inner: Box::new(BufWriter::with_capacity(1 << 16, file)), name })
    }

    /// Writes bytes. `Ok(false)` where the reader has gone: stop, in peace.
    ///
    /// # Errors
    /// RESOURCE where the bytes cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        settle(self.inner.write_all(bytes), &self.name)
    }

    /// Writes formatted text and a line end.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn line(&mut self, text: std::fmt::Arguments<'_>) -> Result<bool, Failure> {
        settle(writeln!(self.inner, "{text}"), &self.name)
    }

    /// Makes sure everything is out.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn finish(mut self) -> Result<(), Failure> {
        settle(self.inner.flush(), &self.name).map(|_| ())
    }
}

fn settle(result: io::Result<()>, name: &str) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(failed(name, &error)),
    }
}

fn failed(name: &str, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Resource,
        "cannot write",
        format!("path={name} error=\"{error}\""),
        "check the path and the free space",
    )
}
